import { type ReactNode, useEffect, useRef } from "react";
import { useWords } from "../words/words.tsx";

interface Props {
  readonly title: string;
  /** Stands before the title in the browser's tab. */
  readonly mark?: string | undefined;
  readonly under?: ReactNode;
  readonly actions?: ReactNode;
  readonly narrow?: boolean;
  readonly children: ReactNode;
}

/** A page: its heading takes the focus when it opens, so that a screen reader begins there. */
export function Page({ title, mark, under, actions, narrow = false, children }: Props) {
  const say = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  const name = say("app.name");
  useEffect(() => {
    document.title = `${mark ? `${mark} · ` : ""}${title} · ${name}`;
  }, [title, mark, name]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <main id="content" className={`page${narrow ? " page-narrow" : ""}`}>
      <div className="page-head">
        <div className="stack-small">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {under}
        </div>
        {actions && <div className="line">{actions}</div>}
      </div>
      {children}
    </main>
  );
}
