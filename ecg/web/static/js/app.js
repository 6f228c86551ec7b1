/** The page: a frame, and in it the view that the address asks for. */
import { getConfig } from "./api.js";
import { accountView } from "./account.js";
import { fill, h } from "./dom.js";
import { errorPanel } from "./error_panel.js";
import { frame } from "./frame.js";
import { language, t } from "./i18n.js";
import { libraryView } from "./library.js";
import { currentRoute, LIBRARY_ADDRESS, onRoute } from "./router.js";
import { currentUser, onSession, resume } from "./session.js";
import { Uploads } from "./uploads.js";
import { videoView } from "./video_view.js";

const page = frame();
let leave = () => {};
let config = null;
let uploads = null;

async function start() {
  document.documentElement.lang = language();
  document.body.append(page.element);
  fill(page.main, h("p.loading", { role: "status" }, t("app.starting")));
  try {
    config = await getConfig();
    await resume();
  } catch (error) {
    const again = h("button.button.primary", { type: "button", on: { click: start } }, t("app.retry"));
    fill(page.main, errorPanel(error, [again]));
    return;
  }
  uploads = new Uploads(config.max_upload_bytes);
  onRoute(() => show({ focus: true }));
  onSession(({ expired }) => show({ focus: true, expired }));
  show({ focus: false });
}

/** Leave the view that is shown and show the one asked for; `focus` moves the reader to its heading. */
function show({ focus, expired = false }) {
  leave();
  page.setUser(currentUser());
  const view = chosen(expired);
  leave = view.leave ?? (() => {});
  fill(page.main, view.element);
  page.setTitle(view.title);
  scrollTo(0, 0);
  if (focus) page.main.querySelector("h1")?.focus();
}

function chosen(expired) {
  if (!currentUser()) return accountView({ expired, google: config.google_sign_in, refused: takeRefusal() });
  const { name, params } = currentRoute();
  if (name === "library") return libraryView({ config, uploads });
  if (name === "video") return videoView({ config, id: params.id, setTitle: page.setTitle });
  return unknownView();
}

/** The error with which signing in elsewhere sent the browser back; told once. */
function takeRefusal() {
  const code = new URLSearchParams(location.search).get("refused");
  if (code) history.replaceState(null, "", location.pathname + location.hash);
  return code;
}

function unknownView() {
  return {
    title: t("app.notFound"),
    element: h("div.narrow", {}, h("h1", { tabindex: "-1" }, t("app.notFound")),
      h("p", {}, h("a.button", { href: LIBRARY_ADDRESS }, t("app.toLibrary")))),
  };
}

start();
