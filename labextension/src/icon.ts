/** The extension's own mark: a chip with a lightning bolt, in the colour of its surroundings. */
import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
<path class="jp-icon3" fill="#616161" d="M7 4h10a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3zm0 2a1
 1 0 0 0-1 1v10a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7a1 1 0 0 0-1-1H7zm6 1-5 6h3l-1 4 5-6h-3l1-4zM1 8h2v2H1zm0 6h2v2H1z
 M21 8h2v2h-2zm0 6h2v2h-2zM8 1h2v2H8zm6 0h2v2h-2zM8 21h2v2H8zm6 0h2v2h-2z"/></svg>`;

export const gpuIcon = new LabIcon({ name: 'jupyter-awsgpu:gpu', svgstr: SVG });
