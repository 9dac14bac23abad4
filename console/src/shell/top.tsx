import { useQuery } from "@tanstack/react-query";
import { Monitor, Moon, Sun, WifiOff } from "lucide-react";
import { Link, useLocation } from "wouter";
import { may, meQuery } from "../api/calls.ts";
import { useConnected } from "../api/connection.ts";
import { Button } from "../parts/button.tsx";
import { useWords } from "../words/words.tsx";
import { choose, LANGUAGES, type Language, THEMES, useLanguage, useTheme } from "./preferences.ts";

const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon };

export function Top() {
  const say = useWords();
  const [path] = useLocation();
  const connected = useConnected();
  const me = useQuery(meQuery).data;
  return (
    <>
      <a className="skip" href="#content">
        {say("app.skip")}
      </a>
      <header className="top">
        <div className="top-inner">
          <Link to="/" className="brand" aria-label={say("app.name")}>
            <img src="/console/icon.svg" width="24" height="24" alt="" />
            <span className="brand-name">{say("app.name")}</span>
          </Link>
          <nav>
            <Link to="/" aria-current={path === "/" ? "page" : undefined}>
              {say("app.imports")}
            </Link>
            {may(me, "VIEW_LEADS") && (
              <Link to="/leads" aria-current={path.startsWith("/leads") ? "page" : undefined}>
                {say("app.leads")}
              </Link>
            )}
          </nav>
          <Preferences />
        </div>
        {!connected && (
          <div className="connection" role="status">
            <WifiOff size={16} aria-hidden="true" />
            {say("offline.title")}
          </div>
        )}
      </header>
    </>
  );
}

export function Preferences() {
  const say = useWords();
  const language = useLanguage();
  const theme = useTheme();
  const Icon = THEME_ICONS[theme];
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  return (
    <div className="line preferences">
      <select
        className="select"
        aria-label={say("app.language")}
        value={language}
        onChange={(event) => choose("language", event.target.value as Language)}
      >
        {LANGUAGES.map((each) => (
          <option key={each} value={each} lang={each}>
            {say(`app.language.${each}`)}
          </option>
        ))}
      </select>
      <Button look="plain" icon aria-label={say("app.theme", { theme })} onPress={() => choose("theme", next)}>
        <Icon size={16} aria-hidden="true" />
      </Button>
    </div>
  );
}
