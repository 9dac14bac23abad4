// For development alone: holds the token of a link in its memory, so that a page that is loaded anew, and other windows of
// the same browser, are signed in as well. It ends a while after the last page, and the token with it.

let grant = null;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  if (event.data.kind === "keep") {
    grant = event.data.grant;
    event.waitUntil(
      self.clients.matchAll().then((pages) => {
        for (const page of pages) if (page.id !== event.source?.id) page.postMessage(grant);
      }),
    );
  } else {
    event.ports[0]?.postMessage(grant);
  }
});
