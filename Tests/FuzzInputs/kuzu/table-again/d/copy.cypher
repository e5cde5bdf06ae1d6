COPY `User` (`name`,`age`,`u16`,`score`,`ok`,`born`,`at`,`emb`,`runs`,`part`,`bl`,`u`,`id`) FROM "User.parquet" (parallel=true);
COPY `City` (`id`,`name`) FROM "City.parquet" (parallel=true);
COPY `Odd Name` (`a b`,`v`) FROM "Odd Name.parquet" (parallel=true);
COPY `Follows` (`since`,`w`) FROM "Follows_User_User.parquet" (to='User', from='User', parallel=true);
COPY `Likes` (`x`) FROM "Likes_User_City.parquet" (to='City', from='User', parallel=true);
COPY `Likes` (`x`) FROM "Likes_User_User.parquet" (to='User', from='User', parallel=true);
