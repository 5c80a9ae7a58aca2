import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** Bytes that a curl line sends: texts, files, parts of a form. */
export const BOUNDARY = "------------------------sentinel0explain";

/** `name=value`, `name=@file[;type=T][;filename=N]` or `name=<file`. */
export function formPart(text: string): Uint8Array {
  const [name, value] = split(text, "=");
  if (value === undefined) throw new Error(`-F ${text} is no field; write name=value or name=@file`);
  const [content = "", ...settings] = value.split(/;(?=(?:type|filename)=)/);
  const setting = (key: string): string | undefined =>
    settings
      .find((one) => one.startsWith(`${key}=`))
      ?.slice(key.length + 1)
      .replace(/^"(.*)"$/, "$1");
  const path = /^[@<](.*)$/s.exec(content)?.[1];
  const fileName = setting("filename") ?? (content.startsWith("@") ? basename(path ?? "") : undefined);
  const type = setting("type") ?? (content.startsWith("@") ? "application/octet-stream" : undefined);
  const extra =
    (fileName === undefined ? "" : `; filename="${fileName}"`) +
    (type === undefined ? "" : `\r\nContent-Type: ${type}`);
  return part(name, extra, path === undefined ? bytes(content) : file(path));
}

export function part(name: string, extra: string, content: Uint8Array): Uint8Array {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n`;
  return Buffer.concat([bytes(head), content, bytes("\r\n")]);
}

export function contentOf(text: string): Uint8Array {
  return text.startsWith("@") ? file(text.slice(1)) : bytes(text);
}

export function file(path: string): Buffer {
  try {
    return readFileSync(path === "-" ? 0 : path);
  } catch {
    throw new Error(`the curl line sends the file ${path}, which cannot be read`);
  }
}

/** As `-d @file` sends it. */
export function withoutBreaks(content: Buffer): Uint8Array {
  return content.filter((byte) => byte !== 10 && byte !== 13);
}

export function bytes(text: string): Buffer {
  return Buffer.from(text);
}

export function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
