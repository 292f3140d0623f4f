/** A scrolling grid (or list) of any length, of which only what is in sight is in the page. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { step } from "./steps.ts";
import "./parts.css";

const MARGIN_LINES = 2;

/** What a grid shows and how it answers. */
export interface GridProps {
  count: number;
  /** What a screen reader calls the whole. */
  label: string;
  /** Least width of a cell in CSS pixels; left out: one cell fills a line. */
  cellWidth?: number;
  cellHeight: number;
  /** CSS pixels; a shorter content takes less. */
  maxHeight: number;
  render(index: number): ComponentChildren;
  /** What a screen reader says of a cell; left out: the text of the cell. */
  describe?(index: number): string;
  /** A click, Enter or Space on a cell. */
  onOpen(index: number): void;
  /** The keyboard moved on to a cell. */
  onMove?(index: number): void;
  /** The pointer is over a cell; -1: over none. */
  onHover?(index: number): void;
}

/** The grid. It is one stop of the Tab key; arrows, Home, End and the page keys move within. */
export function VirtualGrid(props: GridProps) {
  const { count, cellWidth, cellHeight, maxHeight } = props;
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const [width, setWidth] = useState(0);
  const [top, setTop] = useState(0);
  const [active, setActive] = useState(0);
  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (active >= count) setActive(Math.max(0, count - 1));
  }, [count, active]);

  const columns = cellWidth ? Math.max(1, Math.floor(width / cellWidth)) : 1;
  const lines = Math.ceil(count / columns);
  const height = Math.min(maxHeight, lines * cellHeight + 2);
  const first = Math.max(0, Math.floor(top / cellHeight) - MARGIN_LINES) * columns;
  const last = Math.min(count, (Math.ceil((top + height) / cellHeight) + MARGIN_LINES) * columns);
  const shown = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const opens = event.key === "Enter" || event.key === " ";
    const to = step(event.key, active, count, columns, Math.floor(height / cellHeight));
    if (!opens && to < 0) return;
    event.preventDefault();
    event.stopPropagation();
    if (opens) return count ? props.onOpen(active) : undefined;
    setActive(to);
    const y = Math.floor(to / columns) * cellHeight;
    const element = box.current!;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + cellHeight > element.scrollTop + height) element.scrollTop = y + cellHeight - height + 2;
    props.onMove?.(to);
  };

  return (
    <div
      ref={box}
      class="vgrid"
      role="listbox"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={count ? `${id}-${active}` : undefined}
      style={{ height: `${height}px` }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
      onPointerLeave={() => props.onHover?.(-1)}
    >
      <div class="vgrid-room" role="presentation" style={{ height: `${lines * cellHeight}px` }}>
        {width > 0 &&
          shown.map((index) => (
            <div
              key={index}
              id={`${id}-${index}`}
              role="option"
              class={index === active ? "vgrid-cell active" : "vgrid-cell"}
              aria-label={props.describe?.(index)}
              aria-selected={index === active}
              aria-setsize={count}
              aria-posinset={index + 1}
              style={{
                top: `${Math.floor(index / columns) * cellHeight}px`,
                left: `${((index % columns) * 100) / columns}%`,
                width: `${100 / columns}%`,
                height: `${cellHeight}px`,
              }}
              onClick={() => {
                setActive(index);
                props.onOpen(index);
              }}
              onPointerEnter={() => props.onHover?.(index)}
            >
              {props.render(index)}
            </div>
          ))}
      </div>
    </div>
  );
}
