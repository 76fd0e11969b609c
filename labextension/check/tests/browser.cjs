/** What jsdom lacks and Lumino's widgets name when they load. */
globalThis.DragEvent = class extends MouseEvent {};
