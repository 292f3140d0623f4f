/** Pictures out of latents: alone, with the odds under them, and many in a row as a film. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Manifest } from "../contracts.ts";
import { nameOf, oddsParts, percent, shownColour } from "./odds.ts";
import "./film.css";

/** From so many frames on they are smaller. */
const MANY = 18;

/** A picture of the images' size, drawn `size` CSS pixels wide, each of its pixels a square.
 * Without `alt` it is decoration beside words that say the same. */
export function Shot(props: { image: ImageData | null; size?: number; alt: string; class?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { image } = props;
  // Before it is shown, so that the picture never lags behind its words.
  useLayoutEffect(() => {
    if (canvas.current && image) canvas.current.getContext("2d")?.putImageData(image, 0, 0);
  }, [image]);
  return (
    <canvas
      ref={canvas}
      class={`film-picture ${props.class ?? ""}`}
      width={image?.width ?? 1}
      height={image?.height ?? 1}
      style={props.size ? { width: `${props.size}px` } : undefined}
      {...(props.alt ? { role: "img" as const, "aria-label": props.alt } : { "aria-hidden": true as const })}
    />
  );
}

/** Odds as a stacked bar, each class in its colour; the words are in the title. */
export function OddsBar(props: { manifest: Manifest; odds: ArrayLike<number>; others: string }) {
  const parts = oddsParts(props.odds);
  const words = parts
    .map((part) => `${nameOf(props.manifest, part.label, props.others)} ${percent(part.share)}`)
    .join(", ");
  return (
    <span class="film-odds" role="img" aria-label={words} title={words}>
      {parts.map((part) => (
        <span
          key={part.label}
          class={part.label < 0 ? "film-odds-rest" : undefined}
          style={{
            flexGrow: part.share,
            background: part.label < 0 ? undefined : shownColour(props.manifest, part.label),
          }}
        />
      ))}
    </span>
  );
}

/** How far from anything real, 0..1, as the part of a band that is hatched. */
export function FogBar(props: { fog: number; words: string }) {
  return (
    <span class="film-fog" role="img" aria-label={props.words} title={props.words}>
      <span style={{ width: `${Math.round(100 * Math.min(1, Math.max(0, props.fog)))}%` }} />
    </span>
  );
}

/** One frame of a film. */
export interface FilmFrame {
  image: ImageData;
  /** Class odds [K], null without labels. */
  odds: Float32Array | null;
  /** The winning class, -1 for none. */
  winner: number;
  /** Whether the winning class is another one than in the frame before. */
  flip: boolean;
  /** 0 clear .. 1 nothing real near. */
  fog: number;
  /** The frame in words, for its title and for readers of the screen. */
  words: string;
}

/** Frames in rows, as on a contact sheet, one of them current; each can be clicked, arrows move
 * along them. */
export function Film(props: {
  manifest: Manifest;
  frames: FilmFrame[];
  current: number;
  label: string;
  others: string;
  fogWords: (fog: number) => string;
  onPick: (frame: number) => void;
}) {
  const strip = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(props.frames.length - 1, Math.max(0, props.current + by));
    props.onPick(next);
    strip.current?.querySelectorAll("button")[next]?.focus();
  };
  return (
    <div class={`film${props.frames.length > MANY ? " film-many" : ""}`} ref={strip} role="group" aria-label={props.label} onKeyDown={move}>
      {props.frames.map((frame, i) => (
        <button
          type="button"
          key={i}
          class={`film-frame${frame.flip ? " film-flip" : ""}`}
          aria-current={i === props.current ? "true" : undefined}
          aria-label={frame.words}
          title={frame.words}
          tabIndex={i === props.current ? 0 : -1}
          onClick={() => props.onPick(i)}
        >
          <Shot image={frame.image} alt="" />
          <FogBar fog={frame.fog} words={props.fogWords(frame.fog)} />
          {frame.odds && <OddsBar manifest={props.manifest} odds={frame.odds} others={props.others} />}
          {frame.odds && <span class="film-winner">{nameOf(props.manifest, frame.winner)}</span>}
        </button>
      ))}
    </div>
  );
}
