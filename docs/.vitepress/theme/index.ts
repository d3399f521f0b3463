// Without the fonts, which would be half of the site: those of the system serve.
export { default } from "vitepress/theme-without-fonts";
import "./style.css";
