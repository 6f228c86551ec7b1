/**
 * Who is signed in. The access token lives in memory only; the refresh token in a cookie that no script can
 * read and all tabs share: every use replaces it, and using a replaced one would end the session. A second
 * cookie can be read, and what it holds is sent along as proof that it is this page that asks.
 */
import { sendJson } from "./http.js";

const PROOF = "ecg_csrf";
const LOCK = "ecg.refresh";
const AS_PAGE = { "X-ECG-Client": "page" };

let access = null;
let user = null;
let renewal = null;
const listeners = new Set();

/** The user, or null. */
export function currentUser() {
  return user;
}

/** Call `listener` whenever someone signs in or out; `expired` says it was not asked for. */
export function onSession(listener) {
  listeners.add(listener);
}

export async function signUp(fields) {
  adopt(await sendJson("POST", "/api/auth/signup", { body: fields, headers: AS_PAGE }));
  tell({ expired: false });
}

export async function signIn(fields) {
  adopt(await sendJson("POST", "/api/auth/login", { body: fields, headers: AS_PAGE }));
  tell({ expired: false });
}

/** Sign out here at once; the server is told so that the token dies there too. */
export async function signOut() {
  const proof = proofHere();
  forget();
  tell({ expired: false });
  if (proof) await sendProof("/api/auth/logout", proof);
}

/** Take up the session of an earlier visit; resolves to the user or null. */
export async function resume() {
  if (!proofHere()) return null;
  const token = await renew(null);
  if (token && !user) user = await sendJson("GET", "/api/auth/me", { token });
  return user;
}

/** An access token, or null when nobody is signed in. */
export async function accessToken() {
  return access ?? renew(null);
}

/** A newer access token than `stale`, which the server refused; null ends the session. */
export function renew(stale) {
  if (access && access !== stale) return Promise.resolve(access);
  renewal ??= exclusively(exchange).finally(() => { renewal = null; });
  return renewal;
}

async function exchange() {
  const proof = proofHere();
  if (!proof) return expire();
  try {
    adopt(await sendProof("/api/auth/refresh", proof));
    return access;
  } catch (error) {
    if ([400, 401, 403].includes(error.status)) return expire();
    throw error;
  }
}

/** One tab at a time, where the browser can see to it (it can in secure contexts). */
function exclusively(work) {
  return navigator.locks ? navigator.locks.request(LOCK, work) : work();
}

function expire() {
  const wasSignedIn = user !== null;
  forget();
  if (wasSignedIn) tell({ expired: true });
  return null;
}

function adopt(tokens) {
  access = tokens.access_token;
  user = tokens.user ?? user;
}

function forget() {
  access = null;
  user = null;
  document.cookie = `${PROOF}=; path=/; max-age=0; samesite=strict`;
}

/** What the readable cookie holds; undefined when nobody is signed in. */
function proofHere() {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${PROOF}=`));
  return found?.slice(PROOF.length + 1);
}

function sendProof(path, proof) {
  return sendJson("POST", path, { body: {}, headers: { "X-CSRF-Token": proof } });
}

function tell(change) {
  for (const listener of listeners) listener(change);
}
