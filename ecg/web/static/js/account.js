/** Sign in, or make an account. */
import { captionDemo } from "./caption_demo.js";
import { fill, h } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { ApiError } from "./http.js";
import { has, t } from "./i18n.js";
import { signIn, signUp } from "./session.js";

/**
 * `expired`: say that the session has ended by itself. `google`: offer to sign in with Google; `refused`: the
 * code of the error with which that ended.
 */
export function accountView({ expired, google, refused }) {
  const place = h("div.account-card");
  const show = (form) => fill(place, form(show), google && googleLink());
  show(expired || refused ? signInForm : rememberedForm());
  const notice = (expired || refused)
    && h("p.notice", { role: "status" }, refused ? refusal(refused) : t("account.expired"));
  return {
    title: t("account.signIn"),
    element: h("div.account", {},
      h("div.account-stage", {}, captionDemo(), h("p.account-pitch", {}, t("account.pitch"))),
      h("div.account-side", {}, notice, place)),
  };
}

/** Google's answer comes to the server, which sends the browser back here. */
function googleLink() {
  return h("a.button.wide.elsewhere", { href: "/api/auth/google/login" }, t("account.google"));
}

function refusal(code) {
  const key = `account.refused.${code}`;
  return t(has(key) ? key : "account.refused");
}

const VISITED = "ecg.visited";

/** Whoever has been here before most likely has an account. */
function rememberedForm() {
  return localStorage.getItem(VISITED) ? signInForm : signUpForm;
}

function signInForm(show) {
  return accountForm({
    title: t("account.signInTitle"), submit: t("account.signIn"), send: signIn,
    fields: [email(), password("current-password")],
    otherwise: [t("account.toSignUp"), t("account.signUp"), () => show(signUpForm)],
  });
}

function signUpForm(show) {
  return accountForm({
    title: t("account.signUpTitle"), submit: t("account.signUp"), send: signUp,
    fields: [email(), username(), password("new-password", t("account.passwordHint"))],
    otherwise: [t("account.toSignIn"), t("account.signIn"), () => show(signInForm)],
  });
}

function accountForm({ title, submit, send, fields, otherwise: [question, answer, change] }) {
  const trouble = h("div");
  const button = h("button.button.primary.wide", { type: "submit" }, submit);
  const onSubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(trouble);
    try {
      await send(values(form));
      localStorage.setItem(VISITED, "yes");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(trouble, errorLine(error));
    } finally {
      button.disabled = false;
    }
  };
  const form = h("form.form", { on: { submit: onSubmit } },
    h("h1", { tabindex: "-1" }, title), fields, trouble, button,
    h("p.form-other", {}, question, " ",
      h("button.link", { type: "button", on: { click: change } }, answer)));
  return form;
}

/** What was filled in; fields left empty are not sent. */
function values(form) {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
}

function email() {
  return field(t("account.email"), { name: "email", type: "email", autocomplete: "username", required: true });
}

function username() {
  return field(t("account.username"), { name: "username", type: "text", autocomplete: "nickname", maxlength: "64" });
}

function password(autocomplete, hint) {
  return field(t("account.password"),
    { name: "password", type: "password", autocomplete, required: true, minlength: hint ? "8" : "1" }, hint);
}

function field(label, attributes, hint) {
  const hintId = `${attributes.name}-hint`;
  const described = hint ? { "aria-describedby": hintId } : {};
  return h("label.field", {}, h("span.field-label", {}, label),
    h("input", { ...attributes, ...described }), hint && h("span.hint", { id: hintId }, hint));
}
