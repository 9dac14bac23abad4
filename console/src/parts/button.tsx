import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps as AriaProps } from "react-aria-components/Button";
import { Link } from "wouter";

export type Look = "main" | "usual" | "plain" | "danger";

interface Props extends Omit<AriaProps, "className" | "children" | "style"> {
  readonly look?: Look;
  readonly icon?: boolean;
  readonly children: ReactNode;
}

export function classOf(look: Look, icon = false): string {
  return `button${look === "usual" ? "" : ` button-${look}`}${icon ? " button-icon" : ""}`;
}

/** While its act goes on it does nothing and keeps the focus. React Aria's own way would also say so aloud, by an element
 * that outlives the button and is named by nothing then. */
export function Button({ look = "usual", icon = false, isPending = false, children, ...rest }: Props) {
  const pending = isPending && ({ "aria-disabled": true, type: "button", onPress: () => {} } as const);
  return (
    <AriaButton {...rest} {...pending} className={classOf(look, icon)}>
      {children}
    </AriaButton>
  );
}

export function ButtonLink({ to, look = "usual", children }: { to: string; look?: Look; children: ReactNode }) {
  return (
    <Link to={to} className={classOf(look)}>
      {children}
    </Link>
  );
}
