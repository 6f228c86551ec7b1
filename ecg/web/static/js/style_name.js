/** Names of styles: lower-case letters, digits and hyphens, made of what people call them. */

const MOST_CHARS = 60;
const NAMELESS = "my-style"; // for titles without a letter that a name may have

/** A name for a style of this title that is not among `taken`. */
export function freeName(title, taken) {
  const plain = title.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "").replace(/[^a-z0-9]+/g, "-")
    .slice(0, MOST_CHARS).replace(/^-|-$/g, "");
  const told = /[a-z]/.test(plain);
  if (told && !taken.includes(plain)) return plain;
  const stem = told ? plain : NAMELESS;
  let number = told ? 2 : 1;
  while (taken.includes(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}
