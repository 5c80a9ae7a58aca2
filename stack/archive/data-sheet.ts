/** A product's data sheet as a PDF 1.4 document of one page: a picture, a heading, the text. ISO 32000-1. */
import type { MediaSubject } from "../catalog/media.ts";

/** A4 in points. */
const [WIDTH, HEIGHT, MARGIN] = [595, 842, 56];
/** Side of the JPEG in pixels, as the archive makes it. */
const PICTURE = 640;
const LINE_LENGTH = 78;

/** Writes the document; `jpeg` is the product's picture, 640 by 640. */
export function dataSheet(subject: MediaSubject, jpeg: Uint8Array): Buffer {
  const content = Buffer.from(pageContent(subject), "latin1");
  return assemble([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${WIDTH} ${HEIGHT}] /Contents 4 0 R ` +
      "/Resources << /Font << /Body 5 0 R /Head 6 0 R >> /XObject << /Picture 7 0 R >> >> >>",
    stream("", content),
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    stream(
      `/Type /XObject /Subtype /Image /Width ${PICTURE} /Height ${PICTURE} /ColorSpace /DeviceRGB ` +
        "/BitsPerComponent 8 /Filter /DCTDecode ",
      jpeg,
    ),
    `<< /Title (${literal(subject.name)}) /Producer (Acme Store) >>`,
  ]);
}

function pageContent(subject: MediaSubject): string {
  const side = 300;
  const top = HEIGHT - MARGIN;
  const text = [
    `/Head 26 Tf 0 -${side + 48} Td (${literal(subject.name)}) Tj`,
    `/Body 12 Tf 0 -20 Td (${literal(`Acme Store / ${subject.category}`)}) Tj`,
    "0 -16 Td",
    ...wrap(subject.description).map((line) => `0 -17 Td (${literal(line)}) Tj`),
  ];
  return [
    `q ${side} 0 0 ${side} ${MARGIN} ${top - side} cm /Picture Do Q`,
    `BT ${MARGIN} ${top} Td ${text.join("\n")} ET`,
  ].join("\n");
}

function wrap(text: string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length < LINE_LENGTH)
      lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Text inside `( )`: Latin-1 with the three special characters escaped. */
function literal(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, "?").replaceAll(/[\\()]/g, String.raw`\$&`);
}

type Part = string | readonly (string | Uint8Array)[];

function stream(dictionary: string, bytes: Uint8Array): Part {
  return [`<< ${dictionary}/Length ${bytes.length} >>\nstream\n`, bytes, "\nendstream"];
}

/** Numbers the objects from 1 and adds the cross-reference table and the trailer; the last object is the information. */
function assemble(objects: readonly Part[]): Buffer {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const write = (part: string | Uint8Array): void => {
    const bytes = typeof part === "string" ? Buffer.from(part, "latin1") : part;
    chunks.push(bytes);
    size += bytes.length;
  };
  // The second line's high bytes tell transfer programs that the file is binary (section 7.5.2).
  write("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n");
  const offsets = objects.map((object, index) => {
    const offset = size;
    write(`${index + 1} 0 obj\n`);
    for (const part of typeof object === "string" ? [object] : object) write(part);
    write("\nendobj\n");
    return offset;
  });
  const table = size;
  write(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`);
  for (const offset of offsets) write(`${String(offset).padStart(10, "0")} 00000 n \n`);
  write(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info ${objects.length} 0 R >>\n`);
  write(`startxref\n${table}\n%%EOF\n`);
  return Buffer.concat(chunks);
}
