import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

const ICONS = { plain: Info, warned: TriangleAlert, error: CircleAlert, good: CircleCheck };

interface Props {
  readonly kind?: keyof typeof ICONS;
  readonly title?: ReactNode;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  /** Is read out when it appears. */
  readonly spoken?: boolean;
}

export function Notice({ kind = "plain", title, children, action, spoken = kind === "error" }: Props) {
  const Icon = ICONS[kind];
  return (
    <div className={`notice notice-${kind}`} role={spoken ? "alert" : undefined}>
      <Icon size={16} aria-hidden="true" />
      <div className="notice-body">
        {title && <div className="notice-title">{title}</div>}
        {children && <div>{children}</div>}
      </div>
      {action}
    </div>
  );
}
