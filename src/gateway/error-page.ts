/**
 * The face of an error: a small page of the store for people, problem details (RFC
 * 9457) for programs. Both carry the request id and are never stored. The page
 * needs no script, no image and no font, so it works when nothing else does.
 */
import { type EdgeError, problemResponse } from "../http/errors.ts";
import { acceptsHtml } from "../http/headers.ts";

type Language = "en" | "pt";
type Kind = "blocked" | "missing" | "busy" | "down" | "limited" | "wrong";

const TEXTS: Readonly<Record<Language, Readonly<Record<Kind, readonly [title: string, advice: string]>>>> = {
  en: {
    blocked: [
      "This request was stopped",
      "Something in it looked like an attack. If you were only shopping, tell us the number below and we will put it right.",
    ],
    missing: ["We could not find that page", "It may have moved, or the product may be sold out."],
    busy: ["We will be right back", "The store is not answering just now. Nothing in your cart is lost."],
    down: ["Something went wrong on our side", "Please try again in a moment. Nothing in your cart is lost."],
    limited: ["A little slower, please", "We received very many requests from you. Please wait a moment."],
    wrong: ["We could not understand that request", "Please go back and try again."],
  },
  pt: {
    blocked: [
      "Este pedido foi interrompido",
      "Algo nele parecia um ataque. Se você só estava comprando, informe-nos o número abaixo e resolveremos.",
    ],
    missing: ["Não encontramos esta página", "Ela pode ter mudado de lugar ou o produto pode ter esgotado."],
    busy: ["Voltamos já", "A loja não está respondendo agora. Nada do seu carrinho se perdeu."],
    down: ["Algo deu errado do nosso lado", "Tente de novo em instantes. Nada do seu carrinho se perdeu."],
    limited: ["Um pouco mais devagar, por favor", "Recebemos muitos pedidos seus. Aguarde um instante."],
    wrong: ["Não entendemos este pedido", "Volte e tente de novo."],
  },
};

const LABELS: Readonly<Record<Language, { again: string; home: string; id: string }>> = {
  en: { again: "Try again", home: "To the store", id: "Request" },
  pt: { again: "Tentar de novo", home: "Ir à loja", id: "Pedido" },
};

const STYLE =
  ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;" +
  "font:16px/1.5 system-ui,sans-serif;background:#f6f5f2;color:#1d1d1b}main{max-width:30rem;padding:2rem}" +
  "p.brand{margin:0;font-weight:700;letter-spacing:.04em}h1{font-size:1.6rem;line-height:1.2;margin:.8em 0 .4em}" +
  "a{display:inline-block;margin:1rem 1rem 0 0;padding:.6rem 1.1rem;border-radius:.4rem;border:1px solid #0b5d4e;" +
  "color:#0b5d4e;text-decoration:none}a.main{background:#0b5d4e;color:#fff}a:focus-visible{outline:3px solid #e0a100}" +
  "small{display:block;margin-top:2rem;color:#5d5c58;overflow-wrap:anywhere}" +
  "@media(prefers-color-scheme:dark){body{background:#151614;color:#eceae4}a{color:#7fd6c2;border-color:#7fd6c2}" +
  "a.main{background:#7fd6c2;color:#10201c}small{color:#a5a39c}}";

/** SHA-256 of STYLE, held to it by a test. */
const STYLE_HASH = "sha256-mPRrcCfxkmZY7k+9xNXgFS75CeCpuMluu3B8g2oY+1s=";

/**
 * @param accept the request's Accept
 * @param language the request's Accept-Language
 */
export function errorPage(
  error: EdgeError,
  requestId: string,
  accept: string | null,
  language: string | null,
): Response {
  if (!acceptsHtml(accept)) return problemResponse(error, requestId);
  const chosen: Language = /^\s*pt\b/i.test(language ?? "") ? "pt" : "en";
  return new Response(page(error, requestId, chosen), {
    status: error.status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-language": chosen,
      "content-security-policy": `default-src 'none'; style-src '${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      "referrer-policy": "no-referrer",
      vary: "Accept, Accept-Language",
      ...(error.retryAfter === undefined ? {} : { "retry-after": String(error.retryAfter) }),
    },
  });
}

function kindOf(status: number): Kind {
  if (status === 403) return "blocked";
  if (status === 404 || status === 410) return "missing";
  if (status === 429) return "limited";
  if (status === 503 || status === 504) return "busy";
  return status >= 500 ? "down" : "wrong";
}

function page(error: EdgeError, requestId: string, language: Language): string {
  const [title, advice] = TEXTS[language][kindOf(error.status)];
  const { again, home, id } = LABELS[language];
  const links = error.retryable
    ? `<a class="main" href="">${again}</a><a href="/">${home}</a>`
    : `<a class="main" href="/">${home}</a>`;
  return (
    `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<meta name="robots" content="noindex"><title>${title} · Acme Store</title><style>${STYLE}</style>` +
    `<main><p class="brand">Acme Store</p><h1>${title}</h1><p>${advice}</p>${links}` +
    `<small>${id} ${escapeHtml(requestId)}</small></main></html>`
  );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
