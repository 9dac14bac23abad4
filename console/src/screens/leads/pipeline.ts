// How a lead moves: forward by any step, back by one, from its end back to "contacted". The server decides; this is what
// is offered.

import { type LeadStatus, STATUSES } from "../../api/leads.ts";

const END = STATUSES.indexOf("closed_won");

function placeOf(status: LeadStatus): number {
  return Math.min(STATUSES.indexOf(status), END); // won and lost are one place
}

/** Where a lead may go from here, in the order of the pipeline. */
export function reachable(from: LeadStatus): LeadStatus[] {
  if (placeOf(from) === END) return ["contacted"];
  return STATUSES.filter((to) => to !== from && placeOf(to) - placeOf(from) >= -1);
}
