/** The picture of a row, once it is there. */

import { useEffect, useState } from "preact/hooks";
import type { App } from "../contracts.ts";

/** The picture of a row as RGBA; null until it is there, or where the page has none. */
export function useReal(app: App, row: number): ImageData | null {
  const [held, setHeld] = useState<{ row: number; image: ImageData } | null>(null);
  useEffect(() => {
    let wanted = row >= 0;
    if (wanted) {
      app.pictures?.rgba(row).then(
        (image) => wanted && setHeld({ row, image }),
        () => undefined, // The page says by itself when the server is gone.
      );
    }
    return () => {
      wanted = false;
    };
  }, [app, row]);
  return held?.row === row ? held.image : null;
}
