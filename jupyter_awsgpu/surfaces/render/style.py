"""The one style sheet: JupyterLab's variables first, then VS Code's, then tones that both themes bear."""

from __future__ import annotations

STYLE = """<style>
.awsgpu{--g-ink:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));
--g-soft:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#7d8590));
--g-line:var(--jp-border-color2,var(--vscode-panel-border,rgba(127,127,127,.28)));
--g-face:var(--jp-layout-color1,transparent);--g-shade:rgba(127,127,127,.09);
--g-good:var(--jp-success-color1,#2e9e4f);--g-bad:var(--jp-error-color1,#d9473f);
--g-warn:var(--jp-warn-color1,#c77700);--g-link:var(--jp-content-link-color,var(--vscode-textLink-foreground,#2f81f7));
--g-accent:var(--jp-brand-color1,#2f81f7);
color:var(--g-ink);font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5;
padding:4px 0;max-width:1180px;overflow-x:auto}
.awsgpu .awsgpu-title{font-weight:600;font-size:14px;margin:0 0 6px;display:flex;align-items:center;gap:10px}
.awsgpu .awsgpu-badge{background:#7c4dff;color:#fff;font-size:10px;font-weight:700;letter-spacing:.08em;
padding:1px 8px;border-radius:9px}
.awsgpu table{border-collapse:collapse;border:0;margin:0;font-size:13px;color:inherit;background:transparent}
.awsgpu thead{border:0}
.awsgpu thead th{text-align:left!important;font-weight:500;color:var(--g-soft);font-size:11.5px;
padding:3px 10px 3px 8px;border:0;border-bottom:1px solid var(--g-line);white-space:nowrap;background:transparent}
.awsgpu tbody tr,.awsgpu tbody tr:nth-child(even){background:transparent}
.awsgpu tbody tr:hover{background:var(--g-shade)}
.awsgpu tbody td{text-align:left!important;padding:5px 10px 5px 8px;border:0;border-bottom:1px solid var(--g-line);
vertical-align:top;white-space:nowrap;color:inherit}
.awsgpu tbody tr:last-child td{border-bottom:0}
.awsgpu .awsgpu-right{text-align:right!important;font-variant-numeric:tabular-nums}
.awsgpu td.awsgpu-prose{white-space:normal;min-width:16em}
.awsgpu .awsgpu-good{color:var(--g-good)}.awsgpu .awsgpu-bad{color:var(--g-bad)}
.awsgpu .awsgpu-warn{color:var(--g-warn)}.awsgpu .awsgpu-quiet{color:var(--g-soft);font-size:12px}
.awsgpu .awsgpu-strong{font-weight:600}
.awsgpu .awsgpu-code,.awsgpu code,.awsgpu pre{font-family:var(--jp-code-font-family,ui-monospace,monospace);
font-size:12px;color:inherit}
.awsgpu .awsgpu-bar{display:inline-block;width:110px;height:8px;border-radius:4px;background:var(--g-shade);
margin-left:10px;overflow:hidden;vertical-align:middle;text-align:left}
.awsgpu .awsgpu-bar>span{display:block;height:100%;background:var(--g-accent);border-radius:4px}
.awsgpu .awsgpu-note{color:var(--g-soft);font-size:12px;margin-top:5px}
.awsgpu .awsgpu-empty{margin:2px 0 4px}
.awsgpu pre.awsgpu-commands{background:var(--g-shade);border-radius:5px;padding:7px 11px;margin:7px 0 0;
display:inline-block;line-height:1.6;white-space:pre-wrap}
.awsgpu a{color:var(--g-link);text-decoration:none}.awsgpu a:hover{text-decoration:underline}
.awsgpu .awsgpu-card{border:1px solid var(--g-line);border-radius:8px;padding:11px 16px;display:inline-block;
background:var(--g-face);min-width:420px}
.awsgpu .awsgpu-card .awsgpu-title{margin-bottom:4px}
.awsgpu .awsgpu-card tbody td{padding:2px 18px 2px 0;border:0}
.awsgpu .awsgpu-card tbody tr:hover{background:transparent}
.awsgpu .awsgpu-card td:first-child{color:var(--g-soft)}
.awsgpu table.awsgpu-steps tbody td{padding:2px 14px 2px 0;border:0}
.awsgpu .awsgpu-steps td:first-child{width:1.2em;text-align:center!important}
.awsgpu .awsgpu-head{color:var(--g-soft);margin-bottom:5px}
.awsgpu details summary{cursor:pointer;color:var(--g-soft)}
.awsgpu .awsgpu-spin{display:inline-block;width:9px;height:9px;border:2px solid var(--g-line);
border-top-color:var(--g-accent);border-radius:50%;animation:awsgpu-turn 1s linear infinite}
@keyframes awsgpu-turn{to{transform:rotate(360deg)}}
@media (prefers-reduced-motion:reduce){.awsgpu .awsgpu-spin{animation:none}}
</style>"""
