// Examples to click. Sources: carbon dioxide at Mauna Loa (Keeling and Whorf, public domain); the
// Federalist Papers (public domain); the other texts and series were made for this page.

const wave = (count, act) => Array.from({ length: count }, (_, index) => Number(act(index).toFixed(2)));
// The same numbers at every visit.
const noise = (index) => ((Math.sin(index * 12.9898) * 43758.5453) % 1) / 2;

export const SERIES = [
  {
    name: "Carbon dioxide, monthly",
    frequency: "MS",
    start: "1998-01-01",
    horizon: 12,
    values: [
      365.3, 366.2, 367.4, 368.5, 369.1, 368.8, 367.6, 365.7, 363.9, 364.3, 365.6, 366.9, 368.1, 368.9, 369.6, 371.0,
      370.8, 370.2, 369.0, 366.7, 364.7, 365.1, 366.6, 367.9, 369.0, 369.4, 370.4, 371.5, 371.6, 371.6, 369.9, 367.9,
      366.5, 366.7, 368.1, 369.4,
    ],
  },
  {
    name: "A shop's hours (made up)",
    frequency: "h",
    start: "2026-03-02T00:00:00",
    horizon: 48,
    values: wave(168, (i) => Math.max(0, 40 * Math.sin(((i % 24) - 7) / 4) ** 2 * ((i % 24) > 7 && (i % 24) < 20 ? 1 : 0) * (i % 168 < 120 ? 1 : 0.4) + 6 * noise(i))),
  },
  { name: "A gap and a trend (made up)", frequency: "", start: "", horizon: 12, values: wave(40, (i) => 20 + i * 0.8 + 3 * noise(i)).map((each, i) => (i > 17 && i < 22 ? null : each)) },
];

export const SENTIMENTS = [
  "Not bad at all: the crew was kind, and we landed early!",
  "The film is beautiful to look at, but two hours of silence are too much for me.",
  "Our flight was cancelled again, and nobody at the counter would tell us why.",
  "The meeting starts at nine.",
];

export const PAPERS = [
  {
    name: "Federalist No. 10",
    text: "Among the numerous advantages promised by a well constructed Union, none deserves to be more accurately developed than its tendency to break and control the violence of faction. The friend of popular governments never finds himself so much alarmed for their character and fate, as when he contemplates their propensity to this dangerous vice. He will not fail, therefore, to set a due value on any plan which, without violating the principles to which he is attached, provides a proper cure for it.",
  },
  {
    name: "Federalist No. 1",
    text: "After an unequivocal experience of the inefficacy of the subsisting federal government, you are called upon to deliberate on a new Constitution for the United States of America. The subject speaks its own importance; comprehending in its consequences nothing less than the existence of the UNION, the safety and welfare of the parts of which it is composed, the fate of an empire in many respects the most interesting in the world.",
  },
  {
    name: "Federalist No. 2",
    text: "When the people of America reflect that they are now called upon to decide a question, which, in its consequences, must prove one of the most important that ever engaged their attention, the propriety of their taking a very comprehensive, as well as a very serious, view of it, will be evident. Nothing is more certain than the indispensable necessity of government, and it is equally undeniable, that whenever and however it is instituted, the people must cede to it some of their natural rights in order to vest it with requisite powers.",
  },
];

export const PHOTOGRAPHS = [
  { name: "A flower", file: "flower.jpg", credit: "vultilion, CC BY 2.0, made smaller" },
  { name: "A temple", file: "temple.jpg", credit: "danielbuechele, CC BY 2.0, made smaller" },
];

export const SENTENCES = ["A man is riding a bicycle.", "Two dogs run through the snow. A child is laughing.", "The weather is fine today."];

export const PROMPTS = ["ROMEO:\n", "KING RICHARD III:\nNow is the", "Shall I compare thee"];
