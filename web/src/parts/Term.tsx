/** A small "?" beside a word of the trade, which says what the word means. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { App } from "../contracts.ts";
import { useOwnId } from "./ownId.ts";
import "./term.css";

const AWAY = 6;
const EDGE = 8;

/** The button with its explanation, which opens on hover, tap or Enter and closes with Escape.
 *
 * Without a mouse a `title` is never seen, so the page says all of this in one way.
 *
 * @param word what is asked about, in the reader's language.
 */
export function Term({ app, word, about }: { app: App; word: string; about: string }) {
  const open = useSignal(false);
  const button = useRef<HTMLButtonElement>(null);
  const bubble = useRef<HTMLSpanElement>(null);
  const id = useOwnId();
  useLayoutEffect(() => {
    if (open.value) place(button.current!, bubble.current!);
  });
  useLayoutEffect(() => {
    if (!open.value) return;
    const close = () => (open.value = false);
    const leave = (event: PointerEvent) => {
      if (!button.current?.contains(event.target as Node)) close();
    };
    // Escape is first of all for what was opened last.
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close();
    };
    addEventListener("pointerdown", leave, true);
    addEventListener("keydown", escape, true);
    // What it stands beside moves away under it.
    addEventListener("scroll", close, true);
    addEventListener("resize", close);
    return () => {
      removeEventListener("pointerdown", leave, true);
      removeEventListener("keydown", escape, true);
      removeEventListener("scroll", close, true);
      removeEventListener("resize", close);
    };
  }, [open.value]);
  const hover = (value: boolean) => (event: PointerEvent) => {
    if (event.pointerType === "mouse") open.value = value;
  };
  return (
    <span class="term">
      <button
        ref={button}
        type="button"
        aria-label={app.t("term.ask", { word })}
        aria-describedby={id}
        aria-expanded={open.value}
        onPointerEnter={hover(true)}
        onPointerLeave={hover(false)}
        onBlur={() => (open.value = false)}
        onClick={(event) => {
          // The mouse has opened it already; a click on it is no wish to close it.
          const mouse = event instanceof PointerEvent && event.pointerType === "mouse";
          open.value = mouse || !open.value;
        }}
      >
        ?
      </button>
      <span ref={bubble} id={id} class="term-about" role="tooltip" hidden={!open.value} popover="manual">
        <strong>{word}</strong>
        {about}
      </span>
    </span>
  );
}

/** Puts the explanation under its button, or over it where there is no room, within the window. */
function place(button: HTMLElement, bubble: HTMLElement): void {
  // Above all else, whatever part of the page cuts off what sticks out of it.
  if (bubble.showPopover && !bubble.matches(":popover-open")) bubble.showPopover();
  const at = button.getBoundingClientRect();
  const { width, height } = bubble.getBoundingClientRect();
  const left = Math.min(Math.max(at.left + at.width / 2 - width / 2, EDGE), innerWidth - width - EDGE);
  const under = at.bottom + AWAY;
  const top = under + height > innerHeight - EDGE ? at.top - AWAY - height : under;
  bubble.style.left = `${Math.round(left)}px`;
  bubble.style.top = `${Math.round(Math.max(top, EDGE))}px`;
}
