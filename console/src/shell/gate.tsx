// Nothing of the console is shown before somebody is signed in. When a session ends, a dialog asks to sign in again: the
// page behind it stays as it is, and what it was doing goes on.

import { LogIn } from "lucide-react";
import { type FormEvent, type ReactNode, useState, useSyncExternalStore } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { session } from "../session/session.ts";
import { useWords } from "../words/words.tsx";
import { Preferences } from "./top.tsx";

export function Gate({ children }: { children: ReactNode }) {
  const say = useWords();
  const state = useSyncExternalStore(session.subscribe, () => session.state);
  if (state === "starting") return null;
  if (state === "unreachable") {
    return (
      <Alone title={say("session.unreachable.title")} text={say("session.unreachable.text")}>
        <Button look="main" onPress={() => void session.start()}>
          {say("again")}
        </Button>
      </Alone>
    );
  }
  const kind = session.source?.kind ?? "host";
  if (state === "signed-out") {
    return (
      <Alone title={say("session.out.title")} text={say(`session.out.${kind}`)}>
        <SignIn />
      </Alone>
    );
  }
  return (
    <>
      {children}
      <Dialog title={say("session.ended.title")} open={state === "ended"}>
        <p>{say("session.ended.text")}</p>
        <p className="quiet">{say(`session.out.${kind}`)}</p>
        <SignIn />
      </Dialog>
    </>
  );
}

function SignIn() {
  const say = useWords();
  const source = session.source;
  const [refused, setRefused] = useState(source?.isLinkRefused ?? false);
  if (source?.signIn) {
    return (
      <Button look="main" onPress={() => void source.signIn?.()}>
        <LogIn size={16} aria-hidden="true" />
        {say("session.signIn")}
      </Button>
    );
  }
  if (!source?.redeem) return null;
  const redeem = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const field = event.currentTarget.elements.namedItem("link") as HTMLInputElement;
    setRefused(false);
    try {
      await session.redeem(field.value);
    } catch {
      setRefused(true);
      field.select();
    }
  };
  return (
    <form className="stack" onSubmit={(event) => void redeem(event)}>
      <div className="field">
        <label htmlFor="link">{say("session.link")}</label>
        <input
          id="link"
          name="link"
          className="input"
          autoComplete="off"
          spellCheck={false}
          placeholder="http://127.0.0.1:18000/console/#code=…"
          aria-invalid={refused}
          aria-describedby={refused ? "link-refused" : undefined}
        />
        {refused && (
          <p id="link-refused" className="said" role="alert">
            {say("session.link.refused")}
          </p>
        )}
      </div>
      <Button look="main" type="submit">
        <LogIn size={16} aria-hidden="true" />
        {say("session.signIn")}
      </Button>
    </form>
  );
}

function Alone({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  const say = useWords();
  return (
    <main className="signing-in stack">
      <div className="card">
        <span className="brand">
          <img src="/console/icon.svg" width="24" height="24" alt="" />
          {say("app.name")}
        </span>
        <h1>{title}</h1>
        <p className="quiet">{text}</p>
        {children}
      </div>
      <Preferences />
    </main>
  );
}
