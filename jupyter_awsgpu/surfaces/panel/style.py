"""The panel's style; colours are the theme's, but for tones that must keep their contrast in both."""

from __future__ import annotations

SHEET = """<style>
.awsgpu-panel{padding:8px 10px;max-width:720px;container-type:inline-size;color:var(--jp-ui-font-color1)}
.awsgpu-panel,.awsgpu-panel .widget-vbox,.awsgpu-panel .jupyter-widgets{overflow:visible}
.awsgpu-panel .widget-html,.awsgpu-panel .jupyter-widget-html{width:auto;height:auto;line-height:1.45}
.awsgpu-panel .widget-html-content{line-height:1.45;align-self:auto;width:100%;font-size:13px}
.awsgpu-panel .awsgpu{padding:0}
.awsgpu-panel h3{font-size:13px;font-weight:600;margin:10px 0 4px;letter-spacing:.02em}
.awsgpu-panel .awsgpu-simulated{background:#5e35b1;color:#fff;border-radius:5px;padding:5px 9px;font-size:12px}
.awsgpu-panel .awsgpu-badge{background:#5e35b1;color:#fff;font-size:10px;font-weight:700;letter-spacing:.08em;
padding:1px 8px;border-radius:9px}
.awsgpu-panel .awsgpu-form{display:grid;grid-template-columns:1fr 1fr;gap:2px 8px}
.awsgpu-panel .awsgpu-form>*{grid-column:1/-1;min-width:0;margin:0}
.awsgpu-panel .awsgpu-form>.awsgpu-half{grid-column:auto}
.awsgpu-panel .awsgpu-form .widget-inline-hbox{width:auto;height:auto;flex-direction:column;align-items:stretch}
.awsgpu-panel .awsgpu-form .widget-label{width:auto;text-align:left;height:17px;line-height:17px;font-size:11.5px;
color:var(--jp-ui-font-color1);margin:0}
.awsgpu-panel .awsgpu-form select,.awsgpu-panel .awsgpu-form input{flex:none;width:100%;height:26px;
box-sizing:border-box}
.awsgpu-panel .awsgpu-launch{width:100%;font-weight:600;margin:8px 0 4px;height:32px;font-size:14px}
.awsgpu-panel.awsgpu-demo .awsgpu-launch,.awsgpu-panel.awsgpu-demo .awsgpu-switch .mod-active{background:#5e35b1;
color:#fff}
.awsgpu-panel .awsgpu-card{border:1px solid var(--jp-border-color2,rgba(127,127,127,.35));border-radius:8px;
padding:8px 11px;margin:4px 0 8px;background:var(--jp-layout-color1)}
.awsgpu-panel .awsgpu-actions{display:flex;flex-flow:row wrap;gap:4px;margin:4px 0}
.awsgpu-panel .awsgpu-actions .jupyter-button{margin:0;padding:0 9px}
.awsgpu-panel .widget-button,.awsgpu-panel .jupyter-button{width:auto;min-width:0;overflow:visible}
.awsgpu-panel .awsgpu-name{font-weight:600;font-size:14px}
.awsgpu-panel .awsgpu-state{font-weight:500;font-size:12px;border:1px solid currentColor;border-radius:9px;
padding:0 7px;margin:0 4px}
.awsgpu-panel .awsgpu-checks{list-style:none;margin:2px 0;padding:0}
.awsgpu-panel .awsgpu-checks li{display:flex;gap:6px;padding:1px 0;overflow-wrap:anywhere}
.awsgpu-panel .awsgpu-checks{font-size:12px}
.awsgpu-panel .awsgpu-checks span:last-child{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.awsgpu-panel .awsgpu-checks .awsgpu-whole span:last-child{white-space:normal}
.awsgpu-panel .awsgpu-checks b{font-weight:600}
.awsgpu-panel .awsgpu-nodes{list-style:none;margin:4px 0;padding:0;font-size:12px}
.awsgpu-panel .awsgpu-mark{font-weight:700;width:1.1em;flex:none;text-align:center}
.awsgpu-panel .awsgpu-good{color:var(--awsgpu-good)}.awsgpu-panel .awsgpu-bad{color:var(--awsgpu-bad)}
.awsgpu-panel .awsgpu-quiet,.awsgpu-panel .awsgpu-note,.awsgpu-panel .awsgpu-head{color:var(--jp-ui-font-color1);
opacity:.86;font-size:12px}
.awsgpu-panel .awsgpu-note{margin:4px 0}
.awsgpu-panel .awsgpu-progress table{border-collapse:collapse;width:100%;table-layout:fixed;margin:2px 0;
font-size:12px;background:none}
.awsgpu-panel .awsgpu-progress td{padding:1px 6px 1px 0;border:0;vertical-align:top;text-align:left;
overflow-wrap:anywhere;white-space:normal}
.awsgpu-panel .awsgpu-progress .awsgpu-took{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.awsgpu-panel .awsgpu-progress td.awsgpu-mark{width:18px}.awsgpu-panel .awsgpu-progress td.awsgpu-took{width:50px}
.awsgpu-panel .awsgpu-progress .awsgpu-line td{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.awsgpu-panel .awsgpu-bar{display:block;width:100%;max-width:180px;height:6px;border-radius:3px;
background:rgba(127,127,127,.25);overflow:hidden}
.awsgpu-panel .awsgpu-bar>span{display:block;height:100%;background:var(--jp-brand-color1)}
.awsgpu-panel .awsgpu-spin{display:inline-block;width:9px;height:9px;border:2px solid rgba(127,127,127,.35);
border-top-color:var(--jp-brand-color1);border-radius:50%;animation:awsgpu-turn 1s linear infinite}
.awsgpu-panel .awsgpu-refusal,.awsgpu-panel .awsgpu-confirm{border-left:3px solid var(--awsgpu-bad);
padding:3px 0 3px 9px;margin:4px 0}
.awsgpu-panel .awsgpu-refusal code,.awsgpu-panel pre{font-family:var(--jp-code-font-family,monospace);font-size:12px;
white-space:pre-wrap;overflow-wrap:anywhere;background:none;color:inherit}
.awsgpu-panel .awsgpu-fold{background:none;text-align:left;padding:0 4px;height:24px;align-self:flex-start}
.awsgpu-panel pre{max-height:260px;overflow:auto;margin:3px 0;padding:6px 8px;background:rgba(127,127,127,.1)}
.awsgpu-panel .awsgpu-chart svg{width:100%;max-width:260px;height:32px;display:block;
background:rgba(127,127,127,.1);border-radius:3px}
.awsgpu-panel .awsgpu-chart polyline{fill:none;stroke:var(--jp-brand-color1);stroke-width:1.5;
vector-effect:non-scaling-stroke}
.awsgpu-panel .awsgpu-chart .awsgpu-line-memory{stroke-dasharray:3 2;opacity:.7}
.awsgpu-panel{--awsgpu-good:#1b7a34;--awsgpu-bad:#b3261e}
[data-jp-theme-light='false'] .awsgpu-panel{--awsgpu-good:#6fdc8c;--awsgpu-bad:#ff9a93}
@keyframes awsgpu-turn{to{transform:rotate(360deg)}}
@media (prefers-reduced-motion:reduce){.awsgpu-panel .awsgpu-spin{animation:none}}
@container (min-width:560px){.awsgpu-panel .awsgpu-form{grid-template-columns:repeat(4,1fr)}
.awsgpu-panel .awsgpu-form>.awsgpu-wide{grid-column:span 2}}
</style>"""
