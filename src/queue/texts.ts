/** What waiting visitors read, in English and Portuguese. */
import type { RoomPhase, RoomPolicy } from "./room-config.ts";
import type { TicketFault } from "./ticket.ts";
import type { Standing } from "./standing.ts";

export type Language = "en" | "pt";

/** Where a visitor stands, and in what. */
export interface Told {
  readonly policy: RoomPolicy;
  readonly phase: RoomPhase;
  readonly event: { readonly name: string; readonly startsAt: number; readonly endsAt: number } | null;
  readonly standing: Standing | null;
  readonly message: string | null;
  readonly admitted: boolean;
  readonly language: Language;
  readonly now: number;
}

export interface Texts {
  /** Of the document: changes as the turn comes nearer. */
  readonly pageTitle: string;
  readonly heading: string;
  /** The one line that screen readers announce. */
  readonly status: string;
  readonly detail: string;
  /** Why an earlier place is gone; empty where none is. */
  readonly notice: string;
  readonly keep: string;
  readonly positionLabel: string;
  readonly position: string;
  readonly waitLabel: string;
  readonly wait: string;
  readonly draw: string;
  readonly offline: string;
  readonly noScript: string;
  /** The manual way on, for those whose browser does not refresh by itself. */
  readonly again: string;
}

/** The first of the two languages in Accept-Language (RFC 9110 section 12.5.4), by quality; English where neither is named. */
export function languageOf(acceptLanguage: string | null): Language {
  let best: Language = "en";
  let bestQuality = 0;
  for (const range of (acceptLanguage ?? "").split(",")) {
    const [tag = "", quality = ""] = range
      .trim()
      .toLowerCase()
      .split(/\s*;\s*q=/);
    const language = tag.split("-")[0];
    const q = quality === "" ? 1 : Number(quality);
    if ((language === "en" || language === "pt") && q > bestQuality) {
      best = language;
      bestQuality = q;
    }
  }
  return best;
}

/** Everything the page says, for where the visitor stands. */
export function textsOf(told: Told): Texts {
  return told.language === "pt" ? portuguese(told) : english(told);
}

const FAULTS: Readonly<Record<Language, Readonly<Record<TicketFault, string>>>> = {
  en: {
    "not-ours":
      "Your ticket could not be read, because it was changed or is not from this store. You have a new place at the end of the line.",
    "other-epoch": "Your ticket was for an earlier sale. You have a new place in this line.",
    "left-too-long":
      "You were away for too long, and your place was given up. You have a new place at the end of the line.",
    spent: "Your ticket was used already. You have a new place at the end of the line.",
    copied:
      "Your way in has ended, or is used in another browser. You have a new place at the end of the line.",
  },
  pt: {
    "not-ours":
      "Não foi possível ler a sua senha, porque foi alterada ou não é desta loja. Você tem um novo lugar no fim da fila.",
    "other-epoch": "A sua senha era de uma venda anterior. Você tem um novo lugar nesta fila.",
    "left-too-long":
      "Você ficou fora por muito tempo e o seu lugar foi liberado. Você tem um novo lugar no fim da fila.",
    spent: "A sua senha já foi usada. Você tem um novo lugar no fim da fila.",
    copied:
      "A sua entrada terminou ou está em uso em outro navegador. Você tem um novo lugar no fim da fila.",
  },
};

function english(told: Told): Texts {
  const { standing, now } = told;
  const ahead = standing?.ahead ?? null;
  const minutes = minutesLeft(told);
  const wait =
    minutes === null
      ? "being worked out"
      : minutes < 1
        ? "less than a minute"
        : minutes === 1
          ? "about 1 minute"
          : `about ${minutes} minutes`;
  const people =
    ahead === null
      ? ""
      : ahead === 0
        ? "You are next"
        : `${number(ahead, "en")} ${ahead === 1 ? "person" : "people"} ahead of you`;
  const common = {
    notice: standing?.fault ? FAULTS.en[standing.fault] : "",
    keep: "Your place is kept if you reload, open a new tab or change networks. Your cart is kept too. You can leave this page open; it goes on by itself.",
    positionLabel: "People ahead of you",
    position: ahead === null ? "–" : number(ahead, "en"),
    waitLabel: "Estimated wait",
    wait,
    draw: drawText(told, "Proof of a fair draw", "your ticket"),
    offline: "The connection was lost. Your place is kept; trying again.",
    noScript: "This page refreshes by itself.",
    again: "Check my turn now",
  };
  if (told.admitted) {
    return {
      ...common,
      pageTitle: "✓ It is your turn",
      heading: "It is your turn",
      status: "It is your turn. Taking you to the store.",
      detail: `You have ${minutesInside(told)} minutes to enter; your place inside is kept that long.`,
    };
  }
  if (standing?.noPlace) {
    const status =
      "Very many people from your network are joining the line. You will get a place in a moment.";
    return {
      ...common,
      keep: "",
      pageTitle: "One moment",
      heading: "One moment, please",
      status: standing.noPlace === "crowd" ? status : "You will be asked in or given a place in a moment.",
      detail: "You can leave this page open; it goes on by itself.",
    };
  }
  switch (told.phase) {
    case "sold-out":
      return {
        ...common,
        pageTitle: "Sold out",
        heading: "Everything is sold",
        status: "This sale is sold out. There is nothing left to wait for.",
        detail: "We would rather tell you now than let you wait. The rest of the store is open.",
      };
    case "hold":
      return {
        ...common,
        pageTitle: "Waiting: on hold",
        heading: "The line is paused",
        status: "Nobody is being let in for the moment. Your place is kept.",
        detail: people,
      };
    case "pre-queue": {
      const start = told.event === null ? 0 : Math.max(0, Math.ceil((told.event.startsAt - now) / 60_000));
      const soon = start <= 1 ? "The sale starts in about a minute." : `The sale starts in ${start} minutes.`;
      return {
        ...common,
        pageTitle: "Early for the sale",
        heading: "You are here before the start",
        status: soon,
        detail: "Everybody who is here at the start is placed by a draw: being earlier is no advantage.",
      };
    }
    default:
      return {
        ...common,
        pageTitle: ahead === null ? "In line" : `${number(ahead + 1, "en")} · in line`,
        heading: "You are in line",
        status: people === "" ? "You are in line." : `${people}. Estimated wait: ${wait}.`,
        detail: "The store is very busy, so we let people in one after another.",
      };
  }
}

function portuguese(told: Told): Texts {
  const { standing, now } = told;
  const ahead = standing?.ahead ?? null;
  const minutes = minutesLeft(told);
  const wait =
    minutes === null
      ? "em cálculo"
      : minutes < 1
        ? "menos de um minuto"
        : minutes === 1
          ? "cerca de 1 minuto"
          : `cerca de ${minutes} minutos`;
  const people =
    ahead === null
      ? ""
      : ahead === 0
        ? "Você é o próximo"
        : `${number(ahead, "pt")} ${ahead === 1 ? "pessoa" : "pessoas"} na sua frente`;
  const common = {
    notice: standing?.fault ? FAULTS.pt[standing.fault] : "",
    keep: "O seu lugar fica guardado se você recarregar a página, abrir outra aba ou trocar de rede. O seu carrinho também. Pode deixar esta página aberta; ela segue sozinha.",
    positionLabel: "Pessoas na sua frente",
    position: ahead === null ? "–" : number(ahead, "pt"),
    waitLabel: "Espera estimada",
    wait,
    draw: drawText(told, "Prova de um sorteio justo", "sua senha"),
    offline: "A conexão caiu. O seu lugar está guardado; tentando de novo.",
    noScript: "Esta página se atualiza sozinha.",
    again: "Ver agora se é a minha vez",
  };
  if (told.admitted) {
    return {
      ...common,
      pageTitle: "✓ É a sua vez",
      heading: "É a sua vez",
      status: "É a sua vez. Entrando na loja.",
      detail: `Você tem ${minutesInside(told)} minutos para entrar; o seu lugar fica guardado até lá.`,
    };
  }
  if (standing?.noPlace) {
    const status = "Muitas pessoas da sua rede estão entrando na fila. Você terá um lugar em instantes.";
    return {
      ...common,
      keep: "",
      pageTitle: "Um momento",
      heading: "Um momento, por favor",
      status: standing.noPlace === "crowd" ? status : "Em instantes você entra ou recebe um lugar.",
      detail: "Pode deixar esta página aberta; ela segue sozinha.",
    };
  }
  switch (told.phase) {
    case "sold-out":
      return {
        ...common,
        pageTitle: "Esgotado",
        heading: "Tudo foi vendido",
        status: "Esta venda está esgotada. Não há mais o que esperar.",
        detail: "Preferimos dizer agora a deixar você esperando. O resto da loja está aberto.",
      };
    case "hold":
      return {
        ...common,
        pageTitle: "Fila em pausa",
        heading: "A fila está em pausa",
        status: "Ninguém está entrando no momento. O seu lugar está guardado.",
        detail: people,
      };
    case "pre-queue": {
      const start = told.event === null ? 0 : Math.max(0, Math.ceil((told.event.startsAt - now) / 60_000));
      const soon =
        start <= 1 ? "A venda começa em cerca de um minuto." : `A venda começa em ${start} minutos.`;
      return {
        ...common,
        pageTitle: "Antes da venda",
        heading: "Você chegou antes do início",
        status: soon,
        detail:
          "Todos os que estiverem aqui no início são colocados por sorteio: chegar antes não dá vantagem.",
      };
    }
    default:
      return {
        ...common,
        pageTitle: ahead === null ? "Na fila" : `${number(ahead + 1, "pt")} · na fila`,
        heading: "Você está na fila",
        status: people === "" ? "Você está na fila." : `${people}. Espera estimada: ${wait}.`,
        detail: "A loja está muito cheia, por isso deixamos as pessoas entrar uma após a outra.",
      };
  }
}

/** Whole minutes, rounded up, so that the wait is rather shorter than said; 0: under one. */
function minutesLeft({ standing, now }: Told): number | null {
  if (standing === null || standing.turnAt === null) return null;
  const ms = standing.turnAt - now;
  return ms < 50_000 ? 0 : Math.ceil(ms / 60_000);
}

/** The grace period: how long a pass waits for its first use. */
function minutesInside({ policy }: Told): number {
  return Math.max(1, Math.floor(policy.passIdleMs / 60_000));
}

function drawText({ standing, event, now }: Told, label: string, ticket: string): string {
  if (standing === null || standing.commitment === null || event === null) return "";
  const seed = standing.seed !== null && now >= event.startsAt ? `, seed ${standing.seed}` : "";
  return `${label}: SHA-256 ${standing.commitment}${seed}, ${ticket} ${standing.ticketId}`;
}

function number(value: number, language: Language): string {
  // toLocaleString builds a formatter each time, which costs more than the whole page.
  return String(value).replace(/\B(?=(\d{3})+$)/g, language === "pt" ? "." : ",");
}
