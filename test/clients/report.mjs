// What every Node client shares; the twin of python/report.py.
export const URL = process.env.SKEIN_URL;
export const KEY = process.env.SKEIN_API_KEY;
export const MODELS = process.env.SKEIN_MODELS.split(" ");

export const ASK = "What is the weather in Paris?";
export const PLACE = "Give the place of the tower of Paris as the final result.";
export const WEATHER = "22 degrees";
export const DESCRIPTION = "Tells the weather of a city.";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", description: "the city's name" } },
  required: ["city"],
  additionalProperties: false,
};
export const limited = (model) => model + "-limited";
export const MISSING = "no-such-model";
export const PNG64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

export function weather({ city }) {
  if (city !== "Paris") throw new Error(`the tool was called with ${JSON.stringify(city)}`);
  return `It is ${WEATHER} in ${city}.`;
}

export function holds(text, part = WEATHER) {
  if (!text || !text.includes(part)) throw new Error(`the answer ${JSON.stringify(text)} does not hold ${JSON.stringify(part)}`);
}

export function same(got, want, what) {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

// fails gives back what the call throws, which it must.
export async function fails(call) {
  try {
    await call();
  } catch (e) {
    return e;
  }
  throw new Error("the call did not fail");
}

export async function run(features) {
  for (const model of MODELS) {
    for (const [feature, check] of Object.entries(features)) {
      const line = { model, feature, ok: true };
      try {
        await check(model);
      } catch (e) {
        Object.assign(line, { ok: false, reason: `${e?.name}: ${e?.message}`.slice(0, 600) });
        if (process.env.SKEIN_TRACE) console.error(e);
      }
      console.log(JSON.stringify(line));
    }
  }
}
