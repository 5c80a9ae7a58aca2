/**
 * The grammar of SQL injection: expressions over token kinds (sql-tokens.ts), by the place where they hold.
 * Each says what cannot be prose; repetitions are bounded, so each is linear in the number of tokens.
 */
import { codesOf, type Needs, needs } from "./sql-kinds.ts";

export interface Sign {
  readonly name: string;
  readonly expression: RegExp;
}

/** A sign that may begin at any token. */
export interface FreeSign extends Sign {
  /** Kinds without which the expression cannot match: cheaper to look for than to try. */
  readonly needs: Needs;
}

const operand = "[nswvVdm01fchz#]";
/** Behind a quote, where names of columns and tables are no prose. */
const named = "[nswvVdm01fchz#o]";
const literal = "[ns#1V]";

/** Signs that hold wherever they are met. */
export const ANYWHERE: readonly FreeSign[] = [
  {
    name: "union-select",
    needs: needs("US"),
    expression:
      /U\+?[AY]{0,2}[+(]{0,9}[AY]{0,2}S[AY]{0,2}[(+]{0,9}(?:[nsqQvV0#fhzcC1m(S]|w[,k;F+]|wwF|\+[F,])/,
  },
  { name: "union-all-select", needs: needs("UAS"), expression: /UAY?\({0,3}Y?Sw?/ },
  { name: "executable-comment", needs: needs("Y"), expression: /Y[USAFWOIn&jw~=,(]/ },
  {
    name: "literal-comparison",
    needs: needs("=", "&|WH"),
    // "5 < 6 && 7 > 3" in the middle of a sentence is mathematics.
    expression: /(?<!wn=n)[&|WH][!+(]{0,9}(?:n|#)(?:\+n)?\){0,3}=[!+(]{0,9}[nsqvfhc#(]/,
  },
  {
    name: "literal-comparison",
    needs: needs("=s", "&|WH"),
    expression: /[&|WH][!+(]{0,9}[s](?:[|+]s)?\){0,3}=[!+(]{0,9}[nsqQfhc#(]/,
  },
  {
    name: "literal-comparison",
    needs: needs("", "~jb", "&|WH"),
    expression: /[&|WH][!+(]{0,9}[sn#](?:\){0,3}[!]?[~]\(?[sqQ#fc]|!?j\((?:[sn#]|S[^w])|!?bn&n)/,
  },
  {
    name: "literal-comparison",
    needs: needs("~n", "&|WH"),
    expression: /[&|WH][!+(]{0,9}n\){0,3}!?~[(+]{0,3}n/,
  },
  {
    name: "self-comparison",
    needs: needs("=d", "&|WH"),
    expression: /[&|WH][!+(]{0,9}w\){0,3}=[(]{0,3}d(?:[)&|k;]|$)/,
  },
  {
    name: "comparison-then-comment",
    needs: needs("=k", "&|WH"),
    expression: /[&|WH][!+(]{0,9}[wvVn1]=[+(]{0,3}[nswd1]\){0,9};?k/,
  },
  {
    name: "truth-then-comment",
    needs: needs("1k", "&|"),
    expression: /(?:^|[^wnsd])[&|][!+(]{0,9}1\){0,9};?k/,
  },
  {
    name: "call-comparison",
    needs: needs("", "fc", "(", "&|WH"),
    expression: /[&|WH][!+(]{0,9}[fc]\((?:[sqV#(fcS]|n[,+=]|v,|w,[nsw#]|S|w?\)=|n?\)(?:[=~]|\){0,9}k))/,
  },
  {
    name: "null-comparison",
    needs: needs("0i", "&|WH"),
    expression: /[&|WH][!+(]{0,9}(?:[fc]\([^()]{0,6}\)|\(S[^()]{0,30}\)|[n#s0])i!?0/,
  },
  {
    name: "delay-call",
    needs: needs("z("),
    expression:
      /(?:(?:^|[^w])&|[|+=,(SWJ;T!~])z\((?:n|#|\(|f)[^)]{0,12}\){1,9}(?:[k=&|+~;,)wa]|$)|z\((?:n|f\(\))\){1,9}(?:k|[=&|+~][^w]|;k)/,
  },
  {
    name: "call-of-comparison",
    needs: needs("f("),
    expression: /f\([!+(]{0,5}[ns#]\){0,3}[=~]\(?[ns#]\){0,3}[,)]/,
  },
  { name: "hot-call", needs: needs("h"), expression: /h(?:(?!\(w\))|\(w\)\){0,9}(?:;?k|=))/ },
  { name: "delay-call", needs: needs("z(w&"), expression: /&!?[(]{0,9}z\(w\)\){0,9}[k=]/ },
  {
    // `( COS ( BINARY ( 'b')) ) --`: an expression and nothing else, and the rest of the statement cut off
    name: "expression-then-comment",
    needs: needs("k("),
    expression:
      /^\((?:[^wQq.;lk]|w{1,4}\(){0,60}(?:[&|+=~jSfczhv(]|w{1,4}\()(?:[^wQq.;lk]|w{1,4}\(){1,60};?k$/,
  },
  { name: "having-truth", needs: needs("H(", "&|", "1"), expression: /H\({1,3}(?:[n1][&|]1|1[&|][n1])/ },
  { name: "order-then-comment", needs: needs("Bk"), expression: /^[OG]Bn(?:,n){0,20}k/ },
  {
    name: "order-by-call",
    needs: needs("B("),
    expression: /^[OG]B[zh]\(|[OG]B[fc]\([^k]{0,40}\)H[fcn(]/,
  },
  { name: "nested-calls", needs: needs("(", "fc"), expression: /[fc]\([fc]\([fc]\(/ },
  { name: "call-concatenation", needs: needs("|(", "fc"), expression: /^\|\(?[fc]\([+]?[nsfc]/ },
  {
    name: "select-call",
    needs: needs("S(F", "fc"),
    expression: /S[AY]{0,2}[^FSk;]{0,30}[fc]\([^FSk;]{1,40}Fw/,
  },
  { name: "select-list", needs: needs("S(,"), expression: /S\({1,9}[nsvw]\){1,9},\(?[nsv]/ },
  { name: "server-variable", needs: needs("V"), expression: /[&|]V|V(?:[,)+|=kF;]|$)(?<!^V)/ },
  {
    name: "subselect",
    needs: needs("S("),
    expression:
      /\(Y?S[AY]{0,2}(?:[(]{0,9}[fhzcC]|[(]{0,9}\+F|v=|[V#(]|[ns0](?:[,FUO+|]|\)[^w])|w[,w]?(?:\([^)]{0,9}\))?F[mM(])/,
  },
  {
    name: "subselect",
    needs: needs("S("),
    expression: /[=&|+,!~jx(][AY]?\(Y?S[AY]{0,2}(?:[wv][,w]{0,5}F|[ns0#]\)|m)/,
  },
  { name: "case-when", needs: needs("CNT"), expression: /CN[^T]{0,20}[=~(][^T]{0,20}T/ },
  { name: "case-when", needs: needs("CNT"), expression: /Cw?[nw=()]{0,9}N[ns#][^T]{0,6}T/ },
  {
    name: "select-from",
    needs: needs("SF"),
    expression: /S[AY]{0,2}(?:\+F(?:[mM]|w(?:$|[^wQ]|w?[W,]))|[wfc(),.n+Vsz#|d=]{1,40}F[mM])/,
  },
  {
    name: "select-where",
    needs: needs("SFW"),
    expression: /S[AY]{0,2}[wfc(),.n+V]{1,40}Fwa?w?W[!(]{0,5}[wnsf](?:\(\w?\))?[=~][^w]/,
  },
  {
    name: "select-function",
    needs: needs("S"),
    expression:
      /(?:^|[;k&(n])\(?S[AY]{0,2}(?:f\(\)|0[,k;F]|s\||n,n,|[fczh]\((?:[^)w]|w[,)])[^;]{0,60}(?:F|;|$)|V|v=)/,
  },
  {
    name: "stacked-select",
    needs: needs("S;"),
    expression:
      /;\(?S[AY]{0,2}(?:\+[F,]|[fhzcV(]|[ns0#](?:[,FU;k]|$)|w[,]?w?F[wm](?:[W;kO,]|$)|C|w(?:,[wnsf0]){0,9}F[mM])/,
  },
  { name: "stacked-schema-change", needs: needs("po;"), expression: /;po[!]?x?w(?:[;k(),]|$|w?$)/ },
  {
    name: "schema-change",
    needs: needs("po"),
    expression: /(?:^|[n);k&])po(?:w?!?x?)(?:w[;k]|[mM])|^pow\(ww/,
  },
  { name: "insert", needs: needs("rI"), expression: /rI(?:m|M|w)(?:\([w,]{1,40}\))?R\(|rI[mM]/ },
  {
    name: "update-set",
    needs: needs("ut"),
    expression: /^uMtw=[ns1]$|u[wmM]t[w,=nsfc()+]{1,30}(?:W[!(]{0,3}[wn][=~]|k|;)/,
  },
  {
    name: "delete-from",
    needs: needs("eF"),
    expression: /eF(?:w(?:W[!(]{0,5}[wnsf][=~ij(]|;?k)|[mM])|;ewFw(?:[Wk;)]|$)|;ewwFw[Wk;]/,
  },
  { name: "execute", needs: needs("X"), expression: /X(?:h|m|\(s[+|)]|\(v\)|s[|+])/ },
  { name: "declare", needs: needs("yv"), expression: /yv(?:w|f|c)(?:\(n\))?[;tS=#]/ },
  { name: "wait", needs: needs("g"), expression: /g[wfz][sqQ(v]/ },
  { name: "shutdown", needs: needs("$;"), expression: /;\$(?:w?[;k]|w?$)/ },
  { name: "into-file", needs: needs("IK"), expression: /IK[sqQ(#]/ },
  { name: "character-codes", needs: needs("c(n", "+|,&"), expression: /c\(n(?:,n){0,40}\)[+|,&]{1,2}c\(n/ },
  { name: "hexadecimal-text", needs: needs("#"), expression: /[fc]\(#|[S,]#,(?:[wfn#]|$)|IK#/ },
  { name: "procedure-analyse", needs: needs("o(k"), expression: /ow\((?:\)|n|h|f)[^;]{0,20}k$/ },
  {
    name: "system-table",
    needs: needs("m", "FS"),
    expression: /F\({0,3}m[W,)wakO]?.*[(=]|[SF][^;]{0,40}m[W,)k]/,
  },
];

/** What a sign of `AFTER_NUMBER` begins with, closing brackets aside. */
export const HEADS_AFTER_NUMBER = codesOf("UOGI|+,&;HL~o");

/** Signs at the place where the text leaves the number or the brackets it was written into. */
export const AFTER_NUMBER: readonly Sign[] = [
  { name: "into-file", expression: /^\){0,9}IK/ },
  { name: "call-comparison", expression: /^\){0,9}&[!+(]{0,9}[fc]\(\w?\)=/ },
  { name: "union", expression: /^\){0,9}UA?(?:\({0,9}S|Rf?\(|k$)/ },
  { name: "null-comparison", expression: /^\){0,9}[|&]wi!?0/ },
  {
    name: "order-by-column",
    expression: /^\){0,9}[OG]B(?:[n0](?:,[nz0h(]|k|;|$)|\(S|f\((?:0|[nws],))|^\){0,9}Iv/,
  },
  { name: "subselect", expression: /^\){0,9}(?:[|+]|,\(?)\(?(?:S[^w]|C|[fhzc]\((?:[wns(#fc0V,)]))/ },
  { name: "subselect", expression: /^\){0,9}&\(?S[fczh+(n]/ },
  { name: "exists", expression: /^\){0,9}&!?x\(/ },
  {
    name: "statement",
    expression: /^\){0,9};(?:pow|rIw[(R]|eFw[Wk;]|uwt|X[hmw]|yv|\$|S(?:[+#V(]|[fhzc]\())/,
  },
  { name: "truth-then-comment", expression: /^\){0,9}[&|][!+(]{0,9}[n1](?:&[!+(]{0,9}[n1])?\){0,9};?k/ },
  { name: "literal-comparison", expression: /^\){0,9}&[!+(]{0,9}n!?~[nw]$/ },
  { name: "having", expression: /^\){0,9}H[nw(]/ },
  { name: "limit-into", expression: /^\){0,9}L[n,]{1,3}(?:I|k|;)/ },
  { name: "match", expression: /^\){0,9}~(?:\(?[Sfcs#]|n$)/ },
  { name: "procedure", expression: /^o[whf]\(/ },
];

/** What a sign of `AFTER_QUOTE` or `AFTER_SHORT_QUOTE` begins with, closing brackets aside. */
export const HEADS_AFTER_QUOTE = codesOf("&|;kUYOGHLaWgIi+=,~!bj^");

/** Signs right behind the quote that was broken out of. */
export const AFTER_QUOTE: readonly Sign[] = [
  {
    name: "boolean-comparison",
    expression: new RegExp(
      `^\\){0,9}[&|][!+(]{0,9}${named}(?:\\([^=]{0,20}\\))?(?:[+|]${operand}){0,3}\\){0,9}=`,
    ),
  },
  {
    name: "boolean-comparison",
    expression: new RegExp(
      `^\\){0,9}[&|][!+(]{0,9}${operand}(?:\\([^~]{0,20}\\))?\\){0,9}!?(?:~\\(?[sqQnfcv#+]|j\\(|b[ns#]|i!?[01])`,
    ),
  },
  { name: "boolean-literal", expression: new RegExp(`^\\){0,9}[&|][!+(]{0,9}${literal}\\){0,9};?k`) },
  {
    name: "boolean-literal",
    expression: /^\){0,9}[&|][!+(]{0,9}(?:q$|[n1]l[qs]?$|1(?:$|&)|V|x|n&(?:n|q|s)|#)/,
  },
  {
    name: "boolean-call",
    expression: /^\){0,9}[&|][!+(]{0,9}(?:[fchz]\((?:[nsqV#(fcSv+]|w[,)]?[,=)~]?|\))|x\(|S[^w])/,
  },
  { name: "comment", expression: /^\){0,9};?k/ },
  {
    name: "statement",
    expression: /^\){0,9};(?:S(?:[^w]|w[,F;k])|pow|pwo|rI|eF|uwt|X[hmsw(]|yv|\$|gw|h|k|w[wM]?;k)/,
  },
  { name: "union", expression: /^\){0,9}(?:U[AY]?(?:\(?[AY]?S|Rf?\()|YU)/ },
  { name: "order-by-column", expression: /^\){0,9}[OG]B(?:n(?:,|k|;|$)|w[,]?[wn]?k|[fczh]\()/ },
  {
    name: "clause",
    expression: /^\){0,9}(?:H[nws(]=?|Ln(?:,n)?[kI;]|aw?W|gw|I(?:K|v[,vk;])|i!?0;?[k&|]|W[nsw(]=)/,
  },
  {
    name: "concatenated-call",
    expression: /^\){0,9}[|+=,~&]{1,3}\(?(?:S[^w]|Sw[,F]|C|[fczh]\((?:[wns(#fc0V,)+]))/,
  },
  { name: "concatenated-string", expression: /^\){0,9}\|\(?[sqQnw#]/ },
  { name: "string-comparison", expression: /^=(?:[sn#]?[&|]|[sqn]?k)/ },
  { name: "match", expression: /^\){0,9}~(?:\(|[sqQ]&|#)/ },
];

/** Signs behind a quote before which stands no more than a short word: `1' like '1`. */
export const AFTER_SHORT_QUOTE: readonly Sign[] = [
  // Any statement at all, the rest of the true one cut off: `'; grant all on *.* to x--`.
  { name: "statement", expression: /^\){0,9};[wpt][^k;]{1,40};?k$/ },
  { name: "match", expression: /^\){0,9}!?(?:~[sqQ]|b[sqn]&|j\([sqn])/ },
  { name: "string-comparison", expression: /^\){0,9}=(?:\(?[qsn#]|$)/ },
  { name: "string-expression", expression: /^\){0,9}[|&+^]{1,2}(?:q$|s[|+&=])/ },
];
