// Builds the page into src/latlas/page: one script, one style sheet, one worker, the runtime of
// the nets and index.html. With --watch again at each change; with --tests the unit tests instead.

import { build, context } from "esbuild";
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const page = process.env.LATLAS_PAGE ?? join(here, "..", "src", "latlas", "page");
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
  legalComments: "eof",
  // An exported page is in another encoding than UTF-8.
  charset: "ascii",
};

if (process.argv.includes("--tests")) {
  const out = join(here, "..", "build", "web-tests");
  await rm(out, { recursive: true, force: true });
  const names = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: names.map((name) => join("test", name)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    sourcemap: "inline",
  });
} else {
  await mkdir(page, { recursive: true });
  await copyFile(join(here, "src", "index.html"), join(page, "index.html"));
  const runtime = join(here, "node_modules", "onnxruntime-web", "dist");
  await copyFile(join(runtime, "ort-wasm-simd-threaded.wasm"), join(page, "ort.wasm"));
  const options = [
    { ...common, entryPoints: { latlas: "src/main.tsx" }, outdir: page, minify: true },
    // A classic worker, so that it can also be started from a string in an exported file.
    {
      ...common,
      format: "iife",
      entryPoints: { worker: "src/compute/worker.ts" },
      outdir: page,
      minify: true,
      // The place that the worker was started from, which may be a Blob.
      define: { "import.meta.url": "self.location.href" },
    },
  ];
  if (process.argv.includes("--watch")) {
    for (const each of options) await (await context(each)).watch();
  } else {
    await Promise.all(options.map((each) => build(each)));
  }
}
