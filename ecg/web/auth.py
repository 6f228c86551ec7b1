"""Signing up, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecg import accounts, audit
from ecg.accounts import SignIn
from ecg.audit import Act
from ecg.db import transaction
from ecg.errors import BadRequest, Unauthorized
from ecg.web import cookies
from ecg.web.api import SIGNED_IN, blueprint, client, refusals, settings
from ecg.web.limits import count_sign_in
from ecg.web.replies import DoneReply, TokensReply, UserReply
from ecg.web.requests import ClientHeader, LoginBody, PasswordBody, RefreshBody, SignUpBody
from ecg.web.tokens import claims, family_of, issue, user_id

bp = blueprint("auth", __name__, "Accounts and tokens", prefix="/api/auth", public=True)


@bp.post("/signup", responses={201: TokensReply, **refusals(409)})
def signup(header: ClientHeader, body: SignUpBody) -> tuple[TokensReply, int]:
    """Make an account and sign in."""
    with transaction() as session:
        user = accounts.sign_up(session, email=body.email, password=body.password, username=body.username)
        sign_in = accounts.open_family(session, user, lifetime_s=settings().refresh_token_s)
        audit.note(session, Act.SIGN_UP, client(), user_id=user.id, email=user.email)
    return _issue(sign_in, header), 201


@bp.post("/login", responses={200: TokensReply, **refusals(401)})
def login(header: ClientHeader, body: LoginBody) -> TokensReply:
    """Sign in."""
    count_sign_in(body.email)
    with transaction() as session:
        user = accounts.sign_in(session, email=body.email, password=body.password)
        if user is not None:
            sign_in = accounts.open_family(session, user, lifetime_s=settings().refresh_token_s)
            audit.note(session, Act.SIGN_IN, client(), user_id=user.id, email=user.email)
        else:
            audit.note(session, Act.SIGN_IN_FAILED, client(), email=body.email)
    if user is None:
        raise Unauthorized("The e-mail address or the password is wrong.")
    return _issue(sign_in, header)


@bp.post("/refresh", responses={200: TokensReply, **refusals(401, 403)})
def refresh(body: RefreshBody) -> TokensReply:
    """Exchange a refresh token for a new pair. Using one twice ends the whole sign-in.

    A token in the page's cookie, which needs the header `X-CSRF-Token`, is replaced there.
    """
    token, by_cookie = _refresh_token(body)
    with transaction() as session:
        sign_in = accounts.rotate(
            session, token["jti"], lifetime_s=settings().refresh_token_s,
            grace_s=cookies.GRACE_S if by_cookie else 0,
        )  # fmt: skip
        if sign_in is None and accounts.revoke_if_reused(session, token["jti"]):
            audit.note(session, Act.REFRESH_REUSED, client(), user_id=token["sub"])
    if sign_in is None:
        raise Unauthorized("This refresh token has been used or revoked; sign in again.")
    return cookies.issue_to_page(sign_in) if by_cookie else issue(sign_in)


@bp.post("/logout", responses={200: DoneReply, **refusals(401, 403)})
def logout(body: RefreshBody) -> DoneReply:
    """Sign out: no token of this sign-in counts any more, and the page's cookies are cleared."""
    token, _ = _refresh_token(body)
    cookies.forget()
    with transaction() as session:
        accounts.close_family(session, family_of(token))
        audit.note(session, Act.SIGN_OUT, client(), user_id=token["sub"])
    return DoneReply(status="signed out")


@bp.post("/logout-everywhere", responses={200: DoneReply}, security=SIGNED_IN)
def logout_everywhere() -> DoneReply:
    """Sign out on every device. API keys go on."""
    cookies.forget()
    with transaction() as session:
        accounts.close_all(session, user_id())
        audit.note(session, Act.SIGN_OUT_EVERYWHERE, client(), user_id=user_id())
    return DoneReply(status="signed out everywhere")


@bp.post("/password", responses={200: TokensReply, **refusals(429)}, security=SIGNED_IN)
def password(header: ClientHeader, body: PasswordBody) -> TokensReply:
    """Choose another password. All sign-ins end; the answer holds a new one."""
    with transaction() as session:
        me = accounts.user(session, user_id())
    count_sign_in(me.email)
    with transaction() as session:
        right = accounts.change_password(session, me.id, old=body.old_password, new=body.new_password)
        if right:
            sign_in = accounts.open_family(session, me, lifetime_s=settings().refresh_token_s)
        act = Act.PASSWORD_CHANGED if right else Act.PASSWORD_CHANGE_FAILED
        audit.note(session, act, client(), user_id=me.id, email=me.email)
    if not right:
        raise Unauthorized("The old password is wrong.")
    return _issue(sign_in, header)


@bp.get("/me", responses={200: UserReply}, security=SIGNED_IN)
def me() -> UserReply:
    """Who is signed in."""
    with transaction() as session:
        return UserReply.model_validate(accounts.user(session, user_id()))


def _issue(sign_in: SignIn, header: ClientHeader) -> TokensReply:
    return cookies.issue_to_page(sign_in) if header.client == "page" else issue(sign_in)


def _refresh_token(body: RefreshBody) -> tuple[Mapping[str, Any], bool]:
    """What the refresh token sent says, and whether it came in the page's cookie."""
    if body.refresh_token is not None:
        return claims(body.refresh_token, "refresh"), False
    if not cookies.has_token():
        raise BadRequest("refresh_token: send it here; the page has it in a cookie instead.")
    token, csrf = cookies.token_and_csrf()
    return claims(token, "refresh", csrf), True
