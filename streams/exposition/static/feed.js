// Frames from the worker. The browser comes back by itself after a lost connection; this sees to the rest.

const SILENT_MS = 4000; // frames come every quarter of a second; with very many series every two seconds
const AGAIN_MS = 1000;

/** Calls `frame(parts)` with each frame and `lost()` when none came for some seconds or the connection broke. */
export function follow(address, frame, lost) {
  let source = null;
  let heard = performance.now();

  function open() {
    heard = performance.now();
    source = new EventSource(address);
    source.onmessage = (message) => {
      heard = performance.now();
      frame(JSON.parse(message.data));
    };
    source.onerror = () => {
      lost();
      // An answer other than 200 ends an EventSource for good.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
    };
  }

  open();
  setInterval(() => {
    if (performance.now() - heard < SILENT_MS || source.readyState !== EventSource.OPEN) return;
    lost(); // a connection that is open and says nothing: the machine slept, or the network went away
    source.close();
    open();
  }, AGAIN_MS);
}
