/** The panel: together or apart, and one image as every class's model draws it. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type App, wordsOf } from "../../contracts.ts";
import { explain, pixelsOf, type Explanation } from "../../parts/explain.ts";
import { Picture } from "../../parts/Picture.tsx";
import { fittedClasses } from "../../shell/classes.ts";
import "./style.css";

const REST = 120;

/** Toggle, what the scope means here, and the redrawings. */
export function Many({ app }: { app: App }) {
  const { state, manifest, t } = app;
  const shown = manifest.scope === "global" ? manifest.classes : fittedClasses(manifest);
  return (
    <>
      <div class="segments" role="group" aria-label={t("many.title")}>
        <button aria-pressed={!state.apart.value} onClick={() => (state.apart.value = false)}>
          {t("many.together")}
        </button>
        <button aria-pressed={state.apart.value} onClick={() => (state.apart.value = true)}>
          {t("many.apart")}
        </button>
      </div>
      <p>{t(`many.${manifest.scope}`, { classes: shown.length })}</p>
      {manifest.scope === "global" ? (
        <p class="muted small">
          {t("many.how")} <code>latlas fit {manifest.source} --scope per-class</code>
        </p>
      ) : app.decoder ? (
        <Redrawn app={app} />
      ) : (
        <p class="muted">{t("many.none")}</p>
      )}
    </>
  );
}

/** The pinned image, or the one under the cursor, as each class draws it. */
function Redrawn({ app }: { app: App }) {
  const { state, t } = app;
  const shown = useSignal<{ row: number; ways: Explanation[]; image: ImageData } | null>(null);
  const row = state.pinned.value >= 0 ? state.pinned.value : state.hover.value;
  useEffect(() => {
    if (row < 0) return;
    let current = true;
    const timer = setTimeout(() => {
      redraw(app, row).then(
        (found) => {
          if (current && found) shown.value = { row, ...found };
        },
        (error: unknown) => app.say(wordsOf(error), "error"),
      );
    }, REST);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [row]);
  if (!shown.value) return <p class="muted">{t("many.hover")}</p>;
  const { ways, image } = shown.value;
  const [height, width] = app.manifest.shape;
  const truth = app.columns.labels[shown.value.row];
  const best = ways[0];
  const name = (label: number) => app.manifest.classes[label]?.name ?? "?";
  return (
    <section class="many" data-best={best?.label}>
      <div class="many-original">
        <Picture rgba={image.data} width={width} height={height} size={72} label={t("card.image")} />
        <p>
          {t(best?.label === truth ? "many.right" : "many.wrong", { best: name(best?.label ?? -1), truth: name(truth) })}
        </p>
      </div>
      <ul>
        {ways.map((way) => (
          <li key={way.label} class={way === best ? "best" : ""}>
            <Picture rgba={way.rgba} width={width} height={height} size={56} label={t("many.drawn", { name: name(way.label) })} />
            <b>{name(way.label)}</b>
            <small class="muted">{way.error.toFixed(4)}</small>
          </li>
        ))}
      </ul>
      <p class="muted small">{t("many.error")}</p>
    </section>
  );
}

async function redraw(app: App, row: number): Promise<{ ways: Explanation[]; image: ImageData } | null> {
  const image = await app.pictures?.rgba(row);
  const [height, width, channels] = app.manifest.shape;
  if (!image) return null;
  const whole = image.width === width && image.height === height ? image : await resized(image, width, height);
  return { ways: await explain(app, pixelsOf(whole, channels)), image: whole };
}

async function resized(image: ImageData, width: number, height: number): Promise<ImageData> {
  const bitmap = await createImageBitmap(image, { resizeWidth: width, resizeHeight: height });
  const context = new OffscreenCanvas(width, height).getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
