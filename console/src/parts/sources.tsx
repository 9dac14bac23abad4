import { type LeadWord, useLeadWords } from "../words/lead-words.tsx";

/** The sources that every company has; others have a name of their own. */
const OURS = ["website", "referral", "social", "other"];

export function useSources(): (name: string) => string {
  const say = useLeadWords();
  return (name) => (OURS.includes(name) ? say(`lead.source.${name}` as LeadWord) : name);
}
