# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
What would have to change
=========================

A loan is refused. What is the smallest change of the application that the model would
have accepted? :func:`~sklip.nearest_flip` looks for it among the rows that can exist:
ages are whole numbers, nobody has a negative number of loans, and what is not named
stays as it is. The answer is a row of the same table, which ``predict`` takes.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip import LipschitzRegularizedMLPClassifier, nearest_flip, robustness_bracket

rng = np.random.default_rng(0)
n = 400
X = pd.DataFrame(
    {
        "income": rng.normal(42.0, 11.0, n).round(1),
        "loans": rng.poisson(1.5, n),
        "years": rng.integers(0, 25, n),
        "job": rng.choice(["clerk", "nurse", "driver"], n),
    }
)
score = (X["income"] - 40) / 10 - X["loans"] + X["years"] / 8 + (X["job"] == "nurse")
y = np.where(score + 0.5 * rng.normal(size=n) > 0.3, "granted", "refused")
model = make_pipeline(
    make_column_transformer((OneHotEncoder(), ["job"]), remainder=StandardScaler()),
    LipschitzRegularizedMLPClassifier((16,), tol=1e-3, random_state=0),
).fit(X, y)

# %%
# What a change costs is a matter of the user, not of the model: here a thousand a year
# more is as hard as one loan less or one year more at the job. Of the refused
# applications the first few:

refused = X[model.predict(X) == "refused"].iloc[:6]
steps = {"income": 1.0, "loans": 1.0, "years": 1.0}
bounds = {"income": (0.0, 200.0), "loans": (0, 20), "years": (0, 50)}
flips = nearest_flip(model, refused, norm=1, feature_eps=steps, bounds=bounds)
print(flips.table[["prediction", "flips_to", "distance", "changes"]].to_string())

# %%
# The rows are rows: types, index and the job are those of the table.

print(flips.rows.to_string())
print(model.predict(flips.rows))

# %%
# A search proves nothing: another row might be nearer. What is proven is how near a
# flip can be at most, whole steps or not. With ``rtol`` the bracket is closed by exact
# verification, here in the ellipsoid of the same steps.

certified, attacked = robustness_bracket(
    model, refused, feature_eps=steps, rtol=0.01, random_state=0
)
whole = nearest_flip(model, refused, feature_eps=steps, bounds=bounds).distances

figure, ax = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
places = np.arange(len(refused))
ax.bar(places - 0.2, certified, 0.4, label="no flip below: proven")
ax.bar(places + 0.2, whole, 0.4, label="nearest row found")
ax.plot(places, attacked, "k_", markersize=18, label="nearest flip, any fraction")
ax.set_xticks(places, [f"row {i}" for i in refused.index])
ax.set_ylabel("steps (ℓ2)")
ax.legend()
plt.show()
