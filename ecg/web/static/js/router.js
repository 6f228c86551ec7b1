/** Which view the address asks for. Addresses are `#/` and `#/videos/<id>`; the server sees neither. */

const ROUTES = [
  { name: "library", pattern: /^\/?$/ },
  { name: "video", pattern: /^\/videos\/(?<id>[\w-]+)$/ },
];

/** `{name, params}` of the address now; name `unknown` when it is none of ours. */
export function currentRoute() {
  const path = location.hash.replace(/^#/, "");
  for (const { name, pattern } of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { name, params: { ...match.groups } };
  }
  return { name: "unknown", params: {} };
}

/** The address of a video's view. */
export function videoAddress(id) {
  return `#/videos/${id}`;
}

export const LIBRARY_ADDRESS = "#/";

/** Go to an address; going where one is changes nothing. */
export function go(address) {
  location.hash = address;
}

/** Call `listener` after every change of address. */
export function onRoute(listener) {
  addEventListener("hashchange", () => listener(currentRoute()));
}
