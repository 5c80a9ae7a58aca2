/**
 * The 200 products an empty shop starts with: five lines (a material and a
 * mood each) of forty kinds in eight categories, put together the same way
 * every time, so that names, prices and pictures never change between starts.
 */

export interface SeedProduct {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly category: string;
  readonly summary: string;
  readonly description: string;
  readonly priceCents: number;
  readonly salePriceCents: number | null;
  readonly stock: number;
}

interface Line {
  readonly name: string;
  readonly material: string;
  readonly mood: string;
  /** Price relative to the kind's own. */
  readonly factor: number;
}

const LINES: readonly Line[] = [
  {
    name: "Alba",
    material: "brushed aluminium and pale oak",
    mood: "Light, quiet and made for bright mornings",
    factor: 1,
  },
  {
    name: "Norte",
    material: "powder-coated steel",
    mood: "Straight lines, hard edges, nothing that rattles",
    factor: 0.85,
  },
  {
    name: "Ocaso",
    material: "terracotta and smoked walnut",
    mood: "Warm tones for the last hour of the day",
    factor: 1.3,
  },
  {
    name: "Brisa",
    material: "recycled polymer and linen",
    mood: "Airy, easy to carry and easy to clean",
    factor: 0.7,
  },
  {
    name: "Terra",
    material: "solid ash and cork",
    mood: "Close to the ground and built to be repaired",
    factor: 1.15,
  },
];

/** `[kind, price in cents of the plain version, what it does well]` by category. */
const KINDS: Readonly<Record<string, readonly (readonly [string, number, string])[]>> = {
  lighting: [
    ["Desk Lamp", 8_900, "The arm holds any angle, and the dimmer remembers the last one you liked"],
    ["Floor Lamp", 18_900, "Throws a wide, even pool of light without glare on the page or the screen"],
    ["Pendant Light", 13_900, "Hangs on two metres of woven cable that you shorten without tools"],
    ["Table Lantern", 6_400, "Runs for twelve hours on one charge and moves outdoors when you do"],
    ["Wall Sconce", 7_900, "Washes the wall up and down and takes any standard bulb"],
  ],
  seating: [
    ["Lounge Chair", 54_900, "A low seat and a high back, so that the book comes to you"],
    ["Bar Stool", 16_900, "The footrest is where your feet look for it, and the seat does not swivel away"],
    ["Bench", 29_900, "Seats three at the table or two with a view"],
    ["Dining Chair", 19_900, "Stacks four high and is comfortable past the coffee"],
    ["Ottoman", 14_900, "A footrest, a side table or a seat for the guest nobody expected"],
  ],
  workspace: [
    ["Notebook", 1_900, "192 numbered pages that lie flat from the first to the last"],
    ["Desk Tray", 3_400, "Keeps pens, phone and keys in three calm compartments"],
    ["Monitor Stand", 7_400, "Lifts the screen to eye height and hides the keyboard below"],
    ["Pen Set", 4_200, "A fine liner, a roller and a pencil of the same weight"],
    ["Desk Clock", 5_600, "A silent sweep hand and an alarm that starts softly"],
  ],
  kitchen: [
    ["Kettle", 6_900, "Pours where you point it and stops the moment you do"],
    ["Chef Knife", 9_900, "Twenty centimetres of stainless edge that takes an edge again in a minute"],
    ["Pour-Over Set", 5_400, "Dripper, carafe and forty filters for two honest cups"],
    ["Stock Pot", 12_400, "Nine litres, a heavy base and handles that stay cool"],
    ["Cutting Board", 4_600, "Two sides, one groove, no slipping"],
  ],
  audio: [
    ["Headphones", 21_900, "Forty hours of sound, and a fold that fits the coat pocket"],
    ["Bookshelf Speaker", 32_900, "A small box with a clear middle and a bass that knows when to stop"],
    ["Turntable", 38_900, "Belt-driven, with an arm that lifts by itself at the end of the side"],
    ["Radio", 11_900, "Five presets, one large dial and a handle"],
    ["Microphone", 15_900, "Hears the voice in front of it and not the room behind"],
  ],
  carry: [
    ["Backpack", 12_900, "A laptop sleeve, a bottle pocket and a back that breathes"],
    ["Tote", 4_900, "Holds a week of groceries and folds into its own pocket"],
    ["Duffel", 14_400, "A weekend's worth of room, and it fits under the seat"],
    ["Card Wallet", 3_900, "Six cards, a few notes and nothing that bulges"],
    ["Suitcase", 24_900, "Four quiet wheels and a shell that takes the knocks for you"],
  ],
  outdoor: [
    ["Tent", 34_900, "Up in four minutes and dry through a night of rain"],
    ["Camp Stove", 8_400, "Boils half a litre in three minutes, wind or no wind"],
    ["Water Bottle", 3_200, "Cold for a day, hot for half of one, and it never sweats"],
    ["Hammock", 7_200, "Two trees, two straps and one minute"],
    ["Trail Shoes", 13_400, "A sole that grips wet stone and a shoe that dries by morning"],
  ],
  home: [
    ["Vase", 4_400, "A narrow neck that makes three stems look like an armful"],
    ["Wall Mirror", 15_400, "A thin frame, a true reflection and a hidden bracket"],
    ["Candle", 2_600, "Fifty hours of cedar, fig and a little smoke"],
    ["Throw Blanket", 8_200, "Heavy enough to stay, soft enough to keep"],
    ["Planter", 5_200, "Drains into its own saucer and rolls into the sun"],
  ],
};

/** Every fifth kind of the Ocaso line is in the flash sale: eight products, one a category, with little stock. */
const SALE_LINE = "Ocaso";
const SALE_STOCK = 40;

/** The categories in the order of the shop's menu. */
export const CATEGORIES: readonly string[] = Object.keys(KINDS);

/** The seeded products, ids 1 to 200, the same every time. */
export function products(): SeedProduct[] {
  const kinds = Object.entries(KINDS).flatMap(([category, list]) =>
    list.map(([kind, price, benefit], position) => ({ category, kind, price, benefit, position })),
  );
  return LINES.flatMap((_, turn) =>
    kinds.map((kind, place) => ({ ...kind, line: lineAt(turn + place) })),
  ).map((entry, index) => {
    const { line, kind, category, benefit } = entry;
    const name = `${line.name} ${kind}`;
    const priceCents = Math.round((entry.price * line.factor) / 100) * 100 - 5;
    const onSale = line.name === SALE_LINE && entry.position === CATEGORIES.indexOf(category) % 5;
    return {
      id: index + 1,
      slug: name.toLowerCase().replaceAll(" ", "-"),
      name,
      category,
      summary: `${benefit}.`,
      description: `${benefit}. ${line.mood}: the ${line.name} line is made of ${line.material}, in small runs, with every part that wears sold on its own. Two years of guarantee, thirty days to change your mind.`,
      priceCents,
      salePriceCents: onSale ? Math.round((priceCents * 0.6) / 100) * 100 - 5 : null,
      stock: onSale ? SALE_STOCK : 15 + ((index * 37) % 120),
    };
  });
}

/** The lines in turn, so that neighbours in the catalog differ in colour. */
function lineAt(place: number): Line {
  const line = LINES[place % LINES.length];
  if (line === undefined) throw new Error("there are no lines");
  return line;
}
