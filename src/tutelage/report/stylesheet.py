"""How the page looks: one style sheet, light and dark, phone and desk, screen and paper."""

from __future__ import annotations

LIGHT = """
--paper:#fbfaf7;--card:#ffffff;--ink:#1f2428;--muted:#5d646c;--grid:#dedbd4;--tint:#eef3f8;
--c1:#2b5c8a;--c2:#b4532a;--c3:#4d7c3f;--c4:#7d4c8a;--c5:#a57a12;--c6:#23807f;--c7:#b2456a;--c8:#6b7280;
"""
"""The colours on paper."""
_DARK = """
--paper:#14171a;--card:#1a1e22;--ink:#e6e4df;--muted:#a0a7af;--grid:#343a41;--tint:#1d2935;
--c1:#82b4e6;--c2:#e79566;--c3:#93c47d;--c4:#c79bd6;--c5:#d9b451;--c6:#63c2bf;--c7:#e68aa8;--c8:#a3abb5;
"""

STYLE = (
    ":root{color-scheme:light dark;" + LIGHT + "}\n"
    "@media screen and (prefers-color-scheme:dark){:root{" + _DARK + "}}\n"
    """
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 ui-sans-serif,system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
a{color:var(--c1);text-decoration-thickness:1px;text-underline-offset:3px}
:focus-visible{outline:2px solid var(--c1);outline-offset:2px}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--card);padding:8px;z-index:9}
.layout{max-width:1160px;margin:0 auto;padding:0 20px}
header{padding:48px 0 8px;max-width:880px}
h1{font-size:15px;font-weight:600;margin:0 0 18px;letter-spacing:.01em}
.meta{color:var(--muted);font-weight:400}
h1 .meta{margin-left:6px}
.verdict,h2{font-family:Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,"Liberation Serif",serif}
.verdict{font-size:clamp(24px,3.6vw,36px);line-height:1.26;letter-spacing:-.01em;margin:0;text-wrap:balance}
h2{font-size:26px;font-weight:600;line-height:1.25;letter-spacing:-.006em;margin:0 0 6px}
h3{font-size:16px;font-weight:600;margin:0}
.lead{color:var(--muted);max-width:68ch;margin:0 0 22px}
section{padding:44px 0 4px;scroll-margin-top:34px}
.facts{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:0 28px;margin:36px 0 0;
padding:16px 0 14px;
border-block:1px solid var(--grid)}
.facts dt{font-size:13px;color:var(--muted)}
.facts dd{margin:2px 0 0;font-size:24px;font-weight:600;line-height:1.25;letter-spacing:-.01em}
.facts .pm{font-size:.68em;white-space:nowrap}
.facts dd small{display:block;font-size:13px;font-weight:400;color:var(--muted);letter-spacing:0;
margin-top:3px;
line-height:1.45}
nav{position:sticky;top:0;z-index:5;background:var(--paper);margin:26px -20px 0;padding:0 20px;
border-bottom:1px solid var(--grid);overflow-x:auto;scrollbar-width:none}
nav::-webkit-scrollbar{display:none}
nav ol{display:flex;gap:20px;list-style:none;margin:0;padding:0;white-space:nowrap;font-size:14px}
nav a{display:block;padding:10px 0;color:var(--muted);text-decoration:none}
nav a:hover{color:var(--ink)}
.scroll{overflow-x:auto;margin:0 -20px;padding:0 20px;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-size:14.5px;line-height:1.4}
th,td{padding:9px 0 9px 22px;text-align:right;vertical-align:top;white-space:nowrap}
th:first-child,td:first-child{padding-left:0}
thead th{font-weight:500;font-size:13px;color:var(--muted);border-bottom:1px solid var(--grid);
vertical-align:bottom}
tbody th{font-weight:400;text-align:left}
tbody tr+tr>*{border-top:1px solid color-mix(in srgb,var(--grid) 60%,transparent)}
.left{text-align:left}.wrap{white-space:normal;min-width:12ch;max-width:34ch}
tbody th.name{min-width:170px;max-width:320px;white-space:normal}
tr.best>*{background:var(--tint)}
tr.best th.name{box-shadow:-10px 0 0 var(--tint)}
tr.best td:last-child{box-shadow:10px 0 0 var(--tint)}
tr.best .who{font-weight:650}
.sub{display:block;font-size:12.5px;color:var(--muted);line-height:1.4}
b,strong{font-weight:680}
.pm{color:var(--muted);font-weight:400}.leaders .pm{display:block;font-size:12.5px}
.leaders thead th{white-space:normal;overflow-wrap:normal}
.narrow{max-width:560px}section>h3{margin:34px 0 6px}
.fine{font-size:13.5px;color:var(--muted);max-width:76ch;margin:14px 0 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:44px 48px;
margin-top:26px;
align-items:start}
figure{margin:0;min-width:0;max-width:560px}
figure h3::first-letter,.facts dt::first-letter{text-transform:uppercase}
.plot{display:block;width:100%;height:auto;margin:10px 0 8px;
font-family:ui-sans-serif,system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
figcaption p{font-size:14px;color:var(--muted);margin:0;line-height:1.5}
details{margin-top:10px;font-size:13.5px}
summary{cursor:pointer;color:var(--c1);width:fit-content}
details .scroll{margin:8px 0 0;padding:0;max-height:320px;overflow:auto}
details table{font-size:12.5px}details th,details td{padding:4px 0 4px 14px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,290px),1fr));gap:16px}
.card{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:16px 18px;min-width:0}
.card dl,.plain{display:grid;grid-template-columns:auto 1fr;gap:4px 14px;margin:10px 0 0;font-size:13.5px}
.card dt,.plain dt{color:var(--muted)}.card dd,.plain dd{margin:0;min-width:0}
.plain{font-size:15px;gap:8px 22px;margin:0 0 20px}
.answers{list-style:none;margin:10px 0 0;padding:0;font-size:13.5px}
.answers li{padding:4px 0;border-top:1px solid color-mix(in srgb,var(--grid) 60%,transparent)}
blockquote{margin:8px 0 0;padding-left:12px;border-left:2px solid var(--grid);font-size:14px;
color:var(--muted);
max-height:7.5em;overflow:auto}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.88em}
pre{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:14px 16px;margin:0 0 20px;
overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5}
.flag{color:var(--c2);font-weight:600}
footer{margin:56px 0 40px;padding-top:16px;border-top:1px solid var(--grid);font-size:13.5px;
color:var(--muted)}
@media(min-width:1080px){
.layout{display:grid;grid-template-columns:minmax(0,1fr) 150px;column-gap:64px}
header,main,footer{grid-column:1}
nav{grid-column:2;grid-row:1/4;align-self:start;top:0;border:0;margin:0;padding:54px 0 0;overflow:visible}
nav ol{display:block}nav a{padding:4px 0;white-space:normal;line-height:1.35}
.scroll{margin:0 -10px;padding:0 10px}}
@media(min-width:760px){figure:only-child{max-width:none;display:grid;
grid-template:auto auto 1fr/minmax(0,540px) minmax(0,1fr);
column-gap:44px}figure:only-child h3{grid-column:1/3}figure:only-child .plot{grid-row:2/4}
figure:only-child figcaption{padding-top:14px}}
@media(max-width:520px){header{padding-top:28px}}
@media(max-width:720px){.facts{grid-template-columns:1fr 1fr;gap:18px 20px}}
@media(max-width:520px){.facts dd{font-size:20px}section{padding-top:34px}
.leaders th.name{position:sticky;left:-20px;z-index:1;background:var(--paper);min-width:128px;max-width:128px;
padding-left:20px;margin-left:-20px}
.leaders thead th:first-child{position:sticky;left:-20px;background:var(--paper);z-index:1;padding-left:20px}
.leaders table{margin-left:-20px}.leaders tr.best th.name{background:var(--tint);box-shadow:none}}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{nav,details,.skip{display:none}body{font-size:11pt}.layout{display:block;max-width:none}
section{padding-top:20pt}figure,.card,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}
th,td{padding:4pt 0 4pt 10pt}a{color:inherit}}
"""
)
