/**
 * Who is signed in. The access token lives in memory only; the refresh token in localStorage, because
 * all tabs share it: every use replaces it, and using a replaced one would end the session.
 */
import { sendJson } from "./http.js";

const STORED = "ecg.refresh";

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
  adopt(await sendJson("POST", "/api/auth/signup", { body: fields }));
  tell({ expired: false });
}

export async function signIn(fields) {
  adopt(await sendJson("POST", "/api/auth/login", { body: fields }));
  tell({ expired: false });
}

/** Sign out here at once; the server is told so that the token dies there too. */
export async function signOut() {
  const refresh = localStorage.getItem(STORED);
  forget();
  tell({ expired: false });
  if (refresh) await sendJson("POST", "/api/auth/logout", { body: { refresh_token: refresh } });
}

/** Take up the session of an earlier visit; resolves to the user or null. */
export async function resume() {
  if (!localStorage.getItem(STORED)) return null;
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
  const refresh = localStorage.getItem(STORED);
  if (!refresh) return expire();
  try {
    adopt(await sendJson("POST", "/api/auth/refresh", { body: { refresh_token: refresh } }));
    return access;
  } catch (error) {
    if (error.status === 401 || error.status === 422) return expire();
    throw error;
  }
}

/** One tab at a time, where the browser can see to it (it can in secure contexts). */
function exclusively(work) {
  return navigator.locks ? navigator.locks.request(STORED, work) : work();
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
  if (tokens.refresh_token) localStorage.setItem(STORED, tokens.refresh_token);
}

function forget() {
  access = null;
  user = null;
  localStorage.removeItem(STORED);
}

function tell(change) {
  for (const listener of listeners) listener(change);
}
