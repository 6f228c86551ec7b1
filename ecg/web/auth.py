"""Signing up, in and out."""

from __future__ import annotations

from ecg import accounts
from ecg.db import transaction
from ecg.errors import Unauthorized
from ecg.web.api import SIGNED_IN, blueprint, refusals, settings
from ecg.web.limits import count_sign_in
from ecg.web.replies import DoneReply, TokensReply, UserReply
from ecg.web.requests import LoginBody, PasswordBody, RefreshBody, SignUpBody
from ecg.web.tokens import claims, family_of, issue, user_id

bp = blueprint("auth", __name__, "Accounts and tokens", prefix="/api/auth", public=True)


@bp.post("/signup", responses={201: TokensReply, **refusals(409)})
def signup(body: SignUpBody) -> tuple[TokensReply, int]:
    """Make an account and sign in."""
    with transaction() as session:
        user = accounts.sign_up(session, email=body.email, password=body.password, username=body.username)
        sign_in = accounts.open_family(session, user, lifetime_s=settings().refresh_token_s)
    return issue(sign_in), 201


@bp.post("/login", responses={200: TokensReply, **refusals(401)})
def login(body: LoginBody) -> TokensReply:
    """Sign in."""
    count_sign_in(body.email)
    with transaction() as session:
        user = accounts.sign_in(session, email=body.email, password=body.password)
        sign_in = accounts.open_family(session, user, lifetime_s=settings().refresh_token_s)
    return issue(sign_in)


@bp.post("/refresh", responses={200: TokensReply, **refusals(401)})
def refresh(body: RefreshBody) -> TokensReply:
    """Exchange a refresh token for a new pair. Using one twice ends the whole sign-in."""
    jti = claims(body.refresh_token, "refresh")["jti"]
    with transaction() as session:
        sign_in = accounts.rotate(session, jti, lifetime_s=settings().refresh_token_s)
    if sign_in is None:
        raise Unauthorized("This refresh token has been used or revoked; sign in again.")
    return issue(sign_in)


@bp.post("/logout", responses={200: DoneReply, **refusals(401)})
def logout(body: RefreshBody) -> DoneReply:
    """Sign out: no token of this sign-in counts any more."""
    family = family_of(claims(body.refresh_token, "refresh"))
    with transaction() as session:
        accounts.close_family(session, family)
    return DoneReply(status="signed out")


@bp.post("/logout-everywhere", responses={200: DoneReply}, security=SIGNED_IN)
def logout_everywhere() -> DoneReply:
    """Sign out on every device. API keys go on."""
    with transaction() as session:
        accounts.close_all(session, user_id())
    return DoneReply(status="signed out everywhere")


@bp.post("/password", responses={200: TokensReply}, security=SIGNED_IN)
def password(body: PasswordBody) -> TokensReply:
    """Choose another password. All sign-ins end; the answer holds a new one."""
    with transaction() as session:
        accounts.change_password(session, user_id(), old=body.old_password, new=body.new_password)
        me = accounts.user(session, user_id())
        sign_in = accounts.open_family(session, me, lifetime_s=settings().refresh_token_s)
    return issue(sign_in)


@bp.get("/me", responses={200: UserReply}, security=SIGNED_IN)
def me() -> UserReply:
    """Who is signed in."""
    with transaction() as session:
        return UserReply.model_validate(accounts.user(session, user_id()))
