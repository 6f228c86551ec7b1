/**
 * A player whose behaviour is named by the scenario's language: for what the real one never does.
 *
 * x-clock      each frame is the time of day at which it was drawn, as colours
 * x-hang       stops answering at its tenth frame
 * x-stuck      stops answering at one second
 * x-stray      changes pixels outside its capture box
 * x-reach-out  tries every way it knows to reach the address that is its first word
 */
export async function createPlayer(root, scenario) {
  if (scenario.language === "x-reach-out") await (reached ??= reachOut(scenario.cues[0].words[0].text));
  return newPlayer(root, scenario);
}

function newPlayer(root, scenario) {
  const block = document.createElement("div");
  Object.assign(block.style, { position: "absolute", left: "0", top: "0", width: "16px", height: "16px" });
  root.append(block);
  const box = [0, 0, 16, 16];
  let frame = 0;
  const behaviours = {
    "x-clock": () => {
      const tenths = Math.floor(Date.now() / 100) % 65536;
      block.style.background = `rgb(${tenths >> 8}, ${tenths & 255}, ${frame & 255})`;
      return [box];
    },
    "x-hang": () => {
      while (frame >= 10);
      block.style.background = `rgb(${frame}, 0, 0)`;
      return [box];
    },
    "x-stuck": (t_s) => {
      while (t_s >= 1);
      block.style.background = `rgb(${Math.round(t_s * 100)}, 0, 0)`;
      return [box];
    },
    "x-stray": () => [box, [14, 14, 4, 4]],
    "x-reach-out": () => [box],
  };
  return {
    another: (other) => newPlayer(other, scenario),
    captureBox: { x: 0, y: 0, width: 16, height: 16 },
    bands: [box],
    nextChange: (t_s) => t_s,
    seek(t_s) {
      frame += 1;
      return { changed: true, boxes: behaviours[scenario.language](t_s) };
    },
    destroy() {},
  };
}

let reached = null; // once, however many players the page has

/** As for a call with sound and picture, which has connections of its own. */
async function call(urls) {
  const peer = new RTCPeerConnection({ iceServers: [{ urls, username: "u", credential: "c" }] });
  peer.createDataChannel("x");
  await peer.setLocalDescription(await peer.createOffer());
}

async function reachOut(address) {
  const element = (name, attributes) => {
    const made = Object.assign(document.createElement(name), attributes);
    document.body.append(made);
    return made;
  };
  const ways = [
    () => fetch(`http://${address}/fetch`, { mode: "no-cors" }),
    () => fetch(`http://localhost:${address.split(":")[1]}/by-name`, { mode: "no-cors" }),
    () => navigator.sendBeacon(`http://${address}/beacon`),
    () => new WebSocket(`ws://${address}/socket`),
    () => new EventSource(`http://${address}/events`),
    () => import(`http://${address}/module.js`),
    () => navigator.serviceWorker.register(`http://${address}/worker.js`),
    () => element("img", { src: `http://${address}/image` }),
    () => element("script", { src: `http://${address}/script` }),
    () => element("iframe", { src: `http://${address}/frame` }),
    () => element("link", { rel: "stylesheet", href: `http://${address}/style` }),
    () => element("link", { rel: "preconnect", href: `http://${address}/` }),
    () => element("link", { rel: "prefetch", href: `http://${address}/prefetch` }),
    () => element("object", { data: `http://${address}/object` }),
    () => element("embed", { src: `http://${address}/embed` }),
    () => element("iframe", { srcdoc: `<img src=http://${address}/inner><script>fetch("http://${address}/s")</script>` }),
    () => element("style", { textContent: `@import "http://${address}/import"; body { background: url(http://${address}/b) }` }),
    () => element("div", { style: `background: url(http://${address}/background)` }),
    () => element("form", { action: `http://${address}/form`, target: "_blank" }).submit(),
    () => element("a", { href: `http://${address}/ping`, ping: `http://${address}/ping`, target: "_blank" }).click(),
    () => window.open(`http://${address}/window`),
    () => element("video", { src: `http://${address}/video`, autoplay: true }),
    () => element("link", { rel: "dns-prefetch", href: `http://${address}/` }),
    () => element("link", { rel: "manifest", href: `http://${address}/manifest` }),
    () => new Worker(`http://${address}/worker`),
    () => new Worker(URL.createObjectURL(new Blob([`fetch("http://${address}/blob")`]))),
    () => new SharedWorker(`http://${address}/shared`),
    () => new WebTransport(`https://${address}/transport`),
    () => eval(`fetch("http://${address}/eval")`),
    () => call(`turn:${address}?transport=tcp`),
    () => call(`stun:${address}`),
    () => new FontFace("stolen", `url(http://${address}/font)`).load(),
  ];
  for (const way of ways) {
    try {
      Promise.resolve(way()).catch(() => {});
    } catch {
      // refused at once: as it should be
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 700));
}
