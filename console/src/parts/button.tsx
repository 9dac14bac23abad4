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

export function Button({ look = "usual", icon = false, children, ...rest }: Props) {
  return (
    <AriaButton {...rest} className={classOf(look, icon)}>
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
