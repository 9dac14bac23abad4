import { describe, expect, it } from "vitest";
import { pauseBefore } from "../src/api/stream.ts";
import { countsOf } from "../src/parts/fates.tsx";
import { streamsOf } from "../src/parts/flow.tsx";
import { rateOf, speedsOf } from "../src/parts/speed.tsx";
import { fillsNothing, nameOf, nextName } from "../src/screens/new-import/draft.ts";
import { firstShown } from "../src/screens/one-import/result.tsx";
import { codeIn } from "../src/session/dev.ts";
import { grantOf } from "../src/session/token-source.ts";
import { percents } from "../src/words/percents.ts";
import { faultsOf, outcomeOf } from "../src/words/reasons.ts";

describe("connecting again", () => {
  it("pauses for longer each time, half a minute at most, and never for the same time as others", () => {
    expect([0, 1, 2, 3, 4, 5, 9].map((attempt) => pauseBefore(attempt, () => 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
    expect(pauseBefore(3, () => 0)).toBe(4_000);
  });
});

describe("the code of a link", () => {
  it.each([
    ["http://127.0.0.1:18000/console/#code=ab.c-d_e", "ab.c-d_e"],
    ["  #code=abc ", "abc"],
    ["code=abc", "abc"],
    ["http://127.0.0.1/console/", null],
    ["#barcode=abc", null],
  ])("of %s is %s", (text, code) => expect(codeIn(text)).toBe(code));
});

describe("a token", () => {
  it("tells when it ends, in base64 for addresses", () => {
    const claims = btoa(JSON.stringify({ exp: 2_000_000_000, sub: "~~~???" }))
      .replaceAll("+", "-")
      .replaceAll("/", "_");
    expect(grantOf(`x.${claims}.x`, 0).expiresAt).toBe(2_000_000_000_000);
  });
  it("that cannot be read is asked for again in a minute", () => expect(grantOf("opaque", 5).expiresAt).toBe(60_005));
});

describe("percents", () => {
  it("are whole, and 100 for all of it alone", () => {
    expect([percents(29, 100), percents(2_900, 10_000), percents(9_999, 10_000)]).toEqual([29, 29, 99]);
    expect([percents(0, 3), percents(3, 3), percents(0, 0)]).toEqual([0, 100, 100]);
  });
});

describe("an import that has ended", () => {
  const found = { total_rows: 3, total_created: 3, total_existing: 0, total_errors: 0, reasons: {} };
  it("opens at what there is to see", () => {
    expect(firstShown(found as never)).toBe("created");
    expect(firstShown({ ...found, total_created: 2, total_errors: 1 } as never)).toBe(null);
    expect(firstShown({ ...found, total_created: 2, total_existing: 1 } as never)).toBe(null);
    expect(firstShown({ ...found, reasons: undefined } as never)).toBe(null);
  });
});

describe("names of imports", () => {
  it("are the file's", () => expect(nameOf(new File([], "Feira de maio.xlsx"))).toBe("Feira de maio"));
  it("count on where they are taken", () => {
    expect(nextName("Feira")).toBe("Feira (2)");
    expect(nextName("Feira (2)")).toBe("Feira (3)");
  });
});

describe("fates", () => {
  const found = { total_rows: 10, total_created: 4, total_existing: 2, total_errors: 3, reasons: { canceled: 2 } };
  it("add up to all rows, and canceled rows are no errors", () => {
    expect(countsOf(found as never)).toEqual({ created: 4, existing: 2, error: 1, canceled: 2, left: 1 });
  });
});

describe("the picture", () => {
  it("has streams as wide as they have rows, the widest 32, none thinner than 2", () => {
    const ends = [4_860, 140, 1].map((rows, at) => ({ key: `${at}`, fate: "created" as const, label: "", rows }));
    const { streams, tall, height } = streamsOf(ends);
    expect(streams).toHaveLength(3);
    expect(tall).toBeCloseTo(32 + 2 + 2);
    expect(height).toBe(120);
  });
  it("go nowhere where no row ends", () => {
    const ends = [0, 3].map((rows) => ({ key: String(rows), fate: "created" as const, label: "", rows }));
    expect(streamsOf(ends).streams.map((each) => each.key)).toEqual(["3"]);
  });
});

describe("speed", () => {
  const samples = [0, 1_000, 3_000].map((at) => ({ at, rows: at / 10 }));
  it("is rows a second between samples", () => expect(speedsOf(samples)).toEqual([100, 100]));
  it("is told over a second at least", () => {
    expect(rateOf(samples)).toBe(100);
    expect(rateOf(samples.slice(0, 1))).toBeNull();
  });
});

describe("a column that is kept", () => {
  const told = { index: 2, header: "Nota", samples: [], valid: 0, invalid: 1, empty: 0 };
  const own = [{ key: "nota", label: "Nota" }];
  it("fills nothing where its field is neither there nor made", () => {
    expect(fillsNothing({ ...told, field: "custom:nota", is_new: false }, [])).toBe(true);
    expect(fillsNothing({ ...told, field: "custom:nota", is_new: true }, [])).toBe(false);
    expect(fillsNothing({ ...told, field: "custom:nota", is_new: false }, own)).toBe(false);
    expect(fillsNothing({ ...told, field: "notes", is_new: false }, [])).toBe(false);
    expect(fillsNothing({ ...told, field: null }, [])).toBe(false);
  });
});

describe("reasons", () => {
  it("belong to a fate", () =>
    expect(["in_file", "chat_refused", "canceled"].map(outcomeOf)).toEqual(["existing", "error", "canceled"]));
  it("of a row are told apart", () => {
    expect(faultsOf("phone: Write DDD: two digits. email: Not an address.")).toEqual([
      { field: "phone", text: "Write DDD: two digits." },
      { field: "email", text: "Not an address." },
    ]);
    expect(faultsOf("custom:budget: Not a number. notes: Too long.").map(({ field }) => field)).toEqual([
      "custom:budget",
      "notes",
    ]);
    expect(faultsOf("More than five cells.")).toEqual([{ field: null, text: "More than five cells." }]);
    expect(faultsOf("")).toEqual([]);
  });
});
