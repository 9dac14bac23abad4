// The little of a browser that modules use when they are loaded; what they do in one is tested in a real one.

const nothing = { addEventListener: () => {}, matchMedia: () => ({ matches: false, addEventListener: () => {} }) };
Object.assign(globalThis, { window: nothing, location: { origin: "http://127.0.0.1", hash: "" } });
