import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { forgetLeads, type Lead, leadMeanwhile, leadQuery } from "../../api/leads.ts";

/** Does something with a lead. Where somebody has changed it meanwhile, the page shows it as it is, and the error stays. */
export function useAct<Given, Answer = void>(
  lead: Lead,
  act: (known: { id: string; version: number }, given: Given) => Promise<Answer>,
): UseMutationResult<Answer, Error, Given> {
  const client = useQueryClient();
  const id = lead.id ?? "";
  return useMutation({
    mutationFn: (given: Given) => act({ id, version: lead.version }, given),
    // The page is told first: who acts again at once acts on what it shows.
    onSuccess: () => forgetLeads(client),
    onError: (error) => {
      const present = leadMeanwhile(error);
      if (present) client.setQueryData(leadQuery(id).queryKey, present);
    },
  });
}
