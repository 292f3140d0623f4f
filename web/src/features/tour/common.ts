/** What the steps of the tour share. */

import { type App, wordsOf } from "../../contracts.ts";

/** Says what went wrong at the foot of the page. */
export function complain(app: App): (error: unknown) => void {
  return (error) => app.say(wordsOf(error), "error");
}

/** A score of the space as a person reads it, or nothing. */
export function scoreOf(app: App, ...names: string[]): string | null {
  return app.manifest.scores.find((score) => names.includes(score.name))?.shown ?? null;
}
