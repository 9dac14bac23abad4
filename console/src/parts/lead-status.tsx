import { BadgeCheck, CircleDashed, CircleX, FileText, MessageCircle, Trophy } from "lucide-react";
import type { LeadStatus } from "../api/leads.ts";
import { useLeadWords } from "../words/lead-words.tsx";

export const STATUS_ICONS = {
  new: CircleDashed,
  contacted: MessageCircle,
  qualified: BadgeCheck,
  proposal: FileText,
  closed_won: Trophy,
  closed_lost: CircleX,
} as const;

export function LeadBadge({ status }: { status: LeadStatus }) {
  const say = useLeadWords();
  const Icon = STATUS_ICONS[status];
  return (
    <span className={`badge lead-${status}`}>
      <Icon size={12} aria-hidden="true" />
      {say(`lead.status.${status}`)}
    </span>
  );
}
