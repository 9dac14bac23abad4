import { describe, expect, it } from "vitest";
import { type Lead, type LeadStatus, STATUSES } from "../src/api/leads.ts";
import { keyOf } from "../src/screens/lead-fields/key.ts";
import { originsOf } from "../src/screens/lead-forms/origins.ts";
import { snippetOf } from "../src/screens/lead-forms/snippet-text.ts";
import { reachable } from "../src/screens/leads/pipeline.ts";
import { beginningOf, queryOf, searchOf, wantedIn, whomOf } from "../src/screens/leads/wanted.ts";
import { changesOf, fieldsOf, overtakenIn } from "../src/screens/one-lead/form.ts";
import { saidOf } from "../src/screens/one-lead/said.ts";
import { readablePhone } from "../src/words/phones.ts";

describe("a phone", () => {
  it.each([
    ["+5511987654321", "+55 11 98765-4321"],
    ["551132654321", "+55 11 3265-4321"],
    ["+55 (11) 98765 4321", "+55 11 98765-4321"],
    ["55 99999-9999", "55 99999-9999"],
    ["+15551234567", "+15551234567"],
    ["ramal 4", "ramal 4"],
  ])("%s is shown as %s", (stored, shown) => expect(readablePhone(stored)).toBe(shown));
});

const NOTHING = { text: "", field: null };
const ME = { user_id: 7, sources: [{ id: 3, name: "Feira" }], tags: [{ id: 5, name: "VIP" }] } as never;

describe("the pipeline", () => {
  it.each<[LeadStatus, LeadStatus[]]>([
    ["new", ["contacted", "qualified", "proposal", "closed_won", "closed_lost"]],
    ["qualified", ["contacted", "proposal", "closed_won", "closed_lost"]],
    ["closed_won", ["contacted"]],
    ["closed_lost", ["contacted"]],
  ])("leads from %s", (from, to) => expect(reachable(from)).toEqual(to));
  it("leads from nowhere to where one stands", () =>
    expect(STATUSES.filter((status) => reachable(status).includes(status))).toEqual([]));
});

describe("the filters", () => {
  it("stand in the address, and come back out of it", () => {
    const search = "status=new&list_id=a&source=3&from=2026-11-01&sort=created_at";
    expect(searchOf(wantedIn(search))).toBe(search);
  });
  it("hold nothing there that was looked for", () =>
    expect(searchOf(wantedIn("q=Ana&custom.cpf=1&status=new"))).toBe("status=new"));
  it("are asked by names, and days by their beginnings", () => {
    const field = { key: "size", type: "number" as const, value: "3" };
    const found = queryOf(wantedIn("source=3&tag=5&assigned_to=7&to=2026-11-28"), { text: " ana ", field }, ME);
    expect(found).toEqual({
      source: "Feira",
      tag: "VIP",
      assigned_to: 7,
      created_to: beginningOf("2026-11-29"),
      q: "ana",
      "custom.size": "3",
    });
  });
  it("wait for names that are not known yet", () => {
    expect(queryOf(wantedIn("tag=5"), NOTHING, undefined)).toBeNull();
    expect(queryOf(wantedIn("status=new"), NOTHING, undefined)).toEqual({ status: "new" });
  });
  it("fill a list with values of their types", () => {
    const field = { key: "vip", type: "boolean" as const, value: "true" };
    const sought = { text: "ana", field };
    expect(whomOf(queryOf(wantedIn("status=new&sort=created_at"), sought, null) ?? {}, sought)).toEqual({
      filter: { status: "new", q: "ana", custom: { vip: true } },
    });
  });
});

describe("the history", () => {
  const said = (activity_type: string, description: string) => saidOf({ activity_type, description } as never);
  it("is told in the person's words", () => {
    expect(said("status_changed", "Status changed from new to contacted")).toEqual({
      word: "lead.did.moved",
      values: { from: "new", to: "contacted" },
      text: "",
    });
    expect(said("status_changed", "Status changed from new to contacted: called\ntwice").text).toBe("called\ntwice");
    expect(said("assigned", "Assigned to user 12").values).toEqual({ user: "12" });
    expect(said("assigned", "Assigned to nobody").word).toBe("lead.did.freed");
    expect(said("note_added", "a: b")).toEqual({ word: "lead.did.noted", values: {}, text: "a: b" });
  });
  it("is shown as it is where it has another form", () => {
    expect(said("merged", "Merged").word).toBeNull();
    expect(said("assigned", "").word).toBeNull();
  });
});

describe("an edit", () => {
  const own = [
    { key: "size", label: "Size", type: "number" as const, created_at: "" },
    { key: "vip", label: "VIP", type: "boolean" as const, created_at: "" },
  ];
  const fields = fieldsOf(own);
  const lead = { name: "Ana", company: "Acme", email: null, custom_fields: { size: 3 } } as unknown as Lead;
  it("sends what differs alone, in its type", () => {
    expect(changesOf(lead, fields, { name: "Ana", company: "", "custom.size": "4", "custom.vip": "true" })).toEqual({
      company: null,
      custom_fields: { size: 4, vip: true },
    });
    expect(changesOf(lead, fields, { name: "Ana", "custom.size": "3" })).toBeNull();
  });
  it("tells what another has changed, and whether it was written here as well", () => {
    const now = { ...lead, company: "Beta", email: "a@b.c" } as Lead;
    const told = overtakenIn(lead, now, fields, { company: "Gama" });
    expect(told.map(({ field, was, now: present, mine }) => [field.name, was, present, mine])).toEqual([
      ["company", "Acme", "Beta", "Gama"],
      ["email", "", "a@b.c", null],
    ]);
  });
});

describe("the key of a field", () => {
  it.each([
    ["Número de filhos", "numero_de_filhos"],
    ["  VIP? ", "vip"],
    ["2º telefone", "field_2_telefone"],
    ["???", "field"],
  ])("of %s is %s", (label, key) => expect(keyOf(label)).toBe(key));
});

describe("the origins of a form", () => {
  it.each([
    ["https://www.example.com", ["https://www.example.com"]],
    ["www.example.com/contato?a=1, https://example.com:8443/", ["https://www.example.com", "https://example.com:8443"]],
    ["http://example.com\nexample.com\nhttp://EXAMPLE.com:80", ["http://example.com", "https://example.com"]],
    ["", []],
  ])("are found in %j", (text, origins) => expect(originsOf(text)).toEqual({ origins, wrong: [] }));
  it.each(["https://", "ftp://example.com", "*.example.com", "file:///a", "javascript://example.com"])(
    "are not found in %j",
    (text) => expect(originsOf(text).wrong).toEqual([text]),
  );
});

describe("the form that is put into a page", () => {
  const words = { language: "en", name: "N", email: "E", phone: "P", company: "C", message: "M", send: "S" };
  it("holds its words as text, whatever they are", () => {
    const odd = '</script><b>&"';
    const text = snippetOf("https://a.example", "key", { ...words, name: odd, thanks: odd, failed: odd });
    expect(text.match(/<\/script>/g)).toHaveLength(1);
    expect(text).not.toContain("<b>");
  });
});
