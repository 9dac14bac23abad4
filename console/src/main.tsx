import "@fontsource-variable/inter/wght.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/shell.css";
import "./style/imports.css";
import "./style/one-import.css";
import "./style/new-import.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { session } from "./session/session.ts";
import { App } from "./shell/app.tsx";
import { keepPlace } from "./shell/keep-place.ts";
import { show } from "./shell/preferences.ts";

show();
keepPlace();
void session.start();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
