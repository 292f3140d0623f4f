/** The features of the page, in the order of their buttons. A new one is listed here. */

import type { Feature } from "../contracts.ts";
import { feature as borders } from "./borders/index.tsx";
import { feature as contours } from "./contours/index.tsx";
import { feature as draw } from "./draw/index.tsx";
import { feature as drop } from "./drop/index.ts";
import { feature as generate } from "./generate/index.tsx";
import { feature as ground } from "./ground/index.tsx";
import { feature as lift } from "./lift/index.tsx";
import { feature as lists } from "./lists/index.tsx";
import { feature as many } from "./many/index.tsx";
import { feature as probe } from "./probe/index.tsx";
import { feature as second } from "./second/index.tsx";
import { feature as select } from "./select/index.tsx";
import { feature as tour } from "./tour/index.tsx";
import { feature as walk } from "./walk/index.tsx";

/** All features; those that a space cannot offer are left out when the page starts. */
export const features: Feature[] = [
  tour,
  probe,
  select,
  generate,
  walk,
  draw,
  drop,
  many,
  lists,
  second,
  borders,
  ground,
  contours,
  lift,
];
