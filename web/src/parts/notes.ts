/** Lines at the foot of the map that say what is painted on it. */

import { render, type ComponentChild } from "preact";
import "./notes.css";

/** Shows a line of a feature at the foot of the map; what it renders may be empty. */
export function addNote(stage: HTMLElement, id: string, content: ComponentChild): void {
  let area = stage.querySelector<HTMLElement>(":scope > .map-notes");
  if (!area) {
    area = document.createElement("div");
    area.className = "map-notes";
    stage.append(area);
  }
  const place = document.createElement("div");
  place.className = "map-note-place";
  place.dataset.note = id;
  area.append(place);
  render(content, place);
}
