"""Tables from LaTeX commands to characters, for `mathml`."""

LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    "partial": "∂", "nabla": "∇", "infty": "∞", "ell": "ℓ", "top": "⊤", "prime": "′",
    "ldots": "…", "dots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "hbar": "ℏ",
    "emptyset": "∅", "%": "%", "#": "#", "_": "_", "$": "$",
}  # fmt: skip

OPERATORS = {
    "odot": "⊙", "otimes": "⊗", "oplus": "⊕", "cdot": "⋅", "times": "×", "circ": "∘", "ast": "∗",
    "pm": "±", "mp": "∓", "div": "÷", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "lt": "<", "gt": ">", "approx": "≈", "sim": "∼", "equiv": "≡", "propto": "∝",
    "ll": "≪", "gg": "≫", "to": "→", "rightarrow": "→", "leftarrow": "←", "gets": "←",
    "Rightarrow": "⇒", "mapsto": "↦", "in": "∈", "notin": "∉", "subset": "⊂", "cup": "∪",
    "cap": "∩", "wedge": "∧", "land": "∧", "vee": "∨", "lor": "∨", "neg": "¬", "lnot": "¬",
    "sum": "∑", "prod": "∏", "int": "∫", "mid": "∣", "lVert": "‖", "rVert": "‖", "|": "‖",
    "Vert": "‖", "lvert": "|", "rvert": "|", "{": "{", "}": "}", "langle": "⟨", "rangle": "⟩",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "colon": ":", "&": "&",
}  # fmt: skip

FUNCTIONS = {
    "tanh", "sinh", "cosh", "sin", "cos", "tan", "exp", "log", "ln", "max", "min", "arg", "lim",
    "det", "dim", "Pr", "sup", "inf",
}  # fmt: skip

SPACES = {
    ",": "0.17em", ":": "0.22em", ";": "0.28em", " ": "0.25em", "!": "-0.17em", "quad": "1em",
    "qquad": "2em",
}  # fmt: skip

# Commands whose arguments are words.
TEXTS = {"operatorname", "mathrm", "text", "textrm", "mathit"}

# Alphabet -> the code of its A, and of its 0 (none: 0).
VARIANTS = {
    "mathbf": (0x1D400, 0x1D7CE),
    "boldsymbol": (0x1D468, 0),
    "mathcal": (0x1D49C, 0),
    "mathbb": (0x1D538, 0x1D7D8),
}

# Letters that are missing in Unicode's alphabets: gap in the alphabet -> actual code.
HOLES = {
    "\U0001d49d": "ℬ", "\U0001d4a0": "ℰ", "\U0001d4a1": "ℱ", "\U0001d4a3": "ℋ",
    "\U0001d4a4": "ℐ", "\U0001d4a7": "ℒ", "\U0001d4a8": "ℳ", "\U0001d4ad": "ℛ",
    "\U0001d53a": "ℂ", "\U0001d53f": "ℍ", "\U0001d545": "ℕ", "\U0001d547": "ℙ",
    "\U0001d548": "ℚ", "\U0001d549": "ℝ", "\U0001d551": "ℤ",
}  # fmt: skip

ACCENTS = {"hat": "^", "tilde": "~", "bar": "¯", "vec": "→", "dot": "˙", "widehat": "^",
           "widetilde": "~", "overline": "¯"}  # fmt: skip

BRACKETS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "|": "|", r"\{": "{", r"\}": "}", r"\|": "‖",
    r"\lVert": "‖", r"\rVert": "‖", r"\langle": "⟨", r"\rangle": "⟩", r"\lfloor": "⌊",
    r"\rfloor": "⌋", r"\lvert": "|", r"\rvert": "|",
}  # fmt: skip

# Environment -> its left and right delimiters.
ENVIRONMENTS = {
    "aligned": ("", ""), "array": ("", ""), "matrix": ("", ""), "bmatrix": ("[", "]"),
    "pmatrix": ("(", ")"), "vmatrix": ("|", "|"), "cases": ("{", ""),
}  # fmt: skip
